const préfixe = '🌾';
const ጤና = 'health';
const 数据 = state => state.data;
fn(state => ({
  ...state,
  titre: `${préfixe} ${数据(state).nom} 👩🏾‍⚕️`,
  letters: [...'🌾é'].length,
  units: '🌾é'.length,
  ጤና,
  'clé à espaces': '\u{1F33E}' === préfixe,
}));
fn(state => ({ ...state, scrubbed: scrubEmojis('rice 🌾 ok', '*') }));
