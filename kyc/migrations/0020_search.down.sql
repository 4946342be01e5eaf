REVOKE UPDATE (name, birth_date, phone, id_kind, id_number, address) ON kyc.person FROM emoney_app;
