import { fn, each as forEach, dataValue } from '@openfn/language-common';

forEach('$.data.list[*]', fn(state => ({ ...state, names: [...(state.names ?? []), dataValue('name')(state)] })));
