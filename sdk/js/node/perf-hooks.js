// node:perf_hooks: `performance`, as the global. Observers observe nothing.

import { performance } from '../web/performance.js';

export class PerformanceObserver {
  observe() {}
  disconnect() {}
}

export const constants = {};
export { performance };
export default { PerformanceObserver, constants, performance };
