// The cursor: where the next run goes on.

import { level } from 'fonio/host';
import { write } from 'fonio/console';
import { expandReferences, when } from 'fonio/references';

const DAY_MS = 24 * 60 * 60 * 1000;
const HOUR_MS = 60 * 60 * 1000;

let startedAt = 0;
let stickyKey = 'cursor';

export function startRun() {
  startedAt = Date.now();
}

// Midnight of the day, some days ago. The sandbox lives in UTC.
function midnight(daysAgo) {
  const day = new Date();
  day.setUTCHours(0, 0, 0, 0);
  return new Date(day.getTime() - daysAgo * DAY_MS);
}

// The moment that a phrase names, or undefined if it names none.
function moment(phrase) {
  switch (phrase) {
    case 'start': return new Date(startedAt);
    case 'now':
    case 'end': return new Date();
    case 'today': return midnight(0);
    case 'yesterday': return midnight(1);
    default: {
      const ago = /^(\d+) (hour|day)s? ago$/.exec(phrase);
      if (!ago) return undefined;
      return ago[2] === 'day' ? midnight(Number(ago[1])) : new Date(Date.now() - Number(ago[1]) * HOUR_MS);
    }
  }
}

function readable(date) {
  const [, day, month, year, hour, minute] = /^\w+, (\d+) (\w+) (\d+) (\d+):(\d+)/.exec(date.toUTCString());
  return `${hour}:${minute} ${day} ${month} ${year} (GMT+0)`;
}

// `cursor(value, { defaultValue, key, format })`. A key holds for the cursors after it too.
export function cursor(value, options = {}) {
  return state =>
    when(expandReferences([value, options.key, options.defaultValue])(state), ([given, key, otherwise]) => {
      if (key) stickyKey = key;
      const raw = given ?? otherwise;
      const named = typeof raw === 'string' ? moment(raw) : undefined;
      return when(options.format?.(named ?? raw), formatted => {
        const result = formatted ?? named?.toISOString() ?? raw;
        const label = named ? `${stickyKey} "${raw}"` : stickyKey;
        write(level.info, [`Setting ${label} to:`, named && !options.format ? readable(named) : result]);
        return { ...state, [stickyKey]: result };
      });
    });
}
