/* header */ fn(/* before */ state /* after */ => /* body */ ({ ...state, /* key */ a: /* value */ 1 }) /* end */) // tail
/*
 * fn(state => { throw new Error('this is a comment') })
 */
fn(state => {
  // ) } ] unbalanced in a comment
  const text = '// not a comment ) }'; /* nor ` this */
  return { ...state, text, regex: /\/\*[)}\]]/.test('/*)') };
}) /* no semicolon */
fn(state => ({ ...state, last: true }));
// the end, without a newline
