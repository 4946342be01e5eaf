DELETE FROM ledger.operation_number WHERE operation = 'dormancy';
