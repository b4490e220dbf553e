fn(state => ({ ...state, run: true }));
each($.data.teams, each($.data.members, fn(state => ({ ...state, all: [...(state.all ?? []), state.data] }))));
assert($.all.length === 3 && $.run, 'everyone is there');
log({ team: $.data, first: [$.all[0]] });
