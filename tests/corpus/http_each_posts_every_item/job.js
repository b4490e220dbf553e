// Kobo submissions to a Salesforce-like REST API, one at a time
const toRecord = submission => ({
  External_Id__c: submission._uuid,
  Name: `${submission['group/first']} ${submission['group/last']}`.trim(),
  Visited__c: submission._submission_time.split('T')[0],
});

each(
  $.data.results,
  post('/sobjects/Visit__c', state => toRecord(state.data)).then(state => {
    state.ids = [...(state.ids ?? []), state.data.id];
    return state;
  })
);

fn(({ ids, references }) => ({ ids, references: references.length }));
