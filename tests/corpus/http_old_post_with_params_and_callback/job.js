// The dialect of language-http 3: path, params, callback
post(
  "/api/events",
  {
    body: {
      program: "MCH",
      orgUnit: dataValue("facility"),
      dataValues: [{ dataElement: "w", value: function (state) { return state.data.weight; } }],
    },
    headers: { "X-Source": "commcare" },
  },
  state => {
    console.log("Created " + state.data.id);
    return { ...state, created: state.data.id };
  }
);
