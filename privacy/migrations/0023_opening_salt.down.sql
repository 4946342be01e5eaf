REVOKE INSERT (salt) ON privacy.opening FROM emoney_app;
