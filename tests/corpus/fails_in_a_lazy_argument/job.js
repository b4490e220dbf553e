const limit = 2;
log(`Sending ${limit} rows`); assert($.data.patient.contact.phone, 'no phone');
