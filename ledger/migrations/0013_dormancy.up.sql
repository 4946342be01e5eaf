INSERT INTO ledger.operation_number (operation, number) VALUES ('dormancy', 23);
