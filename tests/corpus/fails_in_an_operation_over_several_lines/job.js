const visits = 'https://far-side.example/api/visits';

post(visits, {
  body: {
    form: dataValue('form.name'),
    seen: $.data.seen,
  },
});
