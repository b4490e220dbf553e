import * as common from "@openfn/language-common";

common.fn(state => ({ ...state, ok: common.dataValue('deep.er')(state) }));
common.each('$.data.list[*]', common.fn(state => ({ ...state, sum: (state.sum ?? 0) + state.data })));
