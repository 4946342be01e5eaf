-- name: record!
INSERT INTO kyc.wallet_features (id, account_id, number, reloadable, one_country, goods_only, loaded_with_cash,
    phone_not_validated, cohorts, recorded_by, reason, recorded_at)
SELECT :id, :account, coalesce(max(number), 0) + 1, :reloadable::boolean, :one_country::boolean,
    :goods_only::boolean, :loaded_with_cash::boolean, :phone_not_validated::boolean, :cohorts::text[], :actor, :reason,
    :at::timestamptz
FROM kyc.wallet_features WHERE account_id = :account;
