post('/echo', { body: { patient: 'p-4711', weight: 61.5 } });
