// 🌾 helpers
const toCode = text => text.trim().toUpperCase();
const /* é */ convert = rows => rows.map(row => ({ ...row, code: toCode(row.code) }));

fn(state => ({ ...state, data: convert(state.data) }));
