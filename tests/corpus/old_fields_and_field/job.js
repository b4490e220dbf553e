alterState(state => {
  state.record = expandReferences(fields(
    field("Name", dataValue("$.form.name")),
    field("Village__c", dataValue("form.village")),
    field("Source__c", "CommCare"),
    field("External_Id__c", function (state) {
      return dataValue("form.case['@case_id']")(state) + "-" + dataValue("metadata.instanceID")(state);
    }),
    field("Missing__c", dataValue("form.not_there"))
  ))(state);
  return state;
});
