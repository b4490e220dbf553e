const limit = 2
let seen = 0
const names = []

fn(state => {
  const picked = state.data
    .filter(row => row.ok)
    .slice(0, limit)
  seen += picked.length
  names.push(...picked.map(row => row.name))
  return { ...state, picked: picked.length }
})

fn(state => {
  return {
    ...state,
    seen,
    names
  }
})
;[1, 2].forEach.call
fn(state => state)
