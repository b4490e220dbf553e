// CommCare visit form -> DHIS2 event
alterState(state => {
  const event = {
    program: 'aNtEnAtAl01',
    orgUnit: dataValue('form.facility.dhis2_id')(state),
    eventDate: dataValue('form.visit_date')(state),
    status: 'COMPLETED',
    storedBy: dataValue('metadata.username')(state),
    dataValues: [
      { dataElement: 'weightKg0001', value: dataValue('form.anthropometry.weight')(state) },
      { dataElement: 'muacMm000002', value: dataValue('form.anthropometry.muac')(state) },
      { dataElement: 'dangerSigns3', value: dataValue('form.danger_signs')(state) },
    ].filter(dv => dv.value !== undefined && dv.value !== ''),
  };
  return { ...state, event };
});
