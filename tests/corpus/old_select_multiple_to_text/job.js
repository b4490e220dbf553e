alterState(state => {
  const { symptoms, village, note } = state.data;
  const list = arrayToString(symptoms, "; ");
  return {
    ...state,
    data: {
      Symptoms__c: list,
      Village__c: humanProper(village),
      Note__c: toArray(note),
      Same__c: toArray(symptoms),
      Proper__c: humanProper("date-of_birth"),
    },
  };
});
