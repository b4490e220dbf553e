get("/registrations", {}, state => {
  return each(
    "$.data[*]",
    post("/upsert", { body: fields(field("name", dataValue("n")), field("kind", "registration")) })
  )(state);
});
