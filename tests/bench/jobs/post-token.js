post('/echo', { patient: 'p-4711', weight: 61.5 }, { headers: { authorization: `Bearer ${$.configuration.token}` } });
