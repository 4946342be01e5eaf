-- name: open_budget
SELECT privacy.open_budget_v1(:id, :name, :purpose, :epsilon, :actor, :at);

-- name: budget
SELECT b.name, b.purpose, b.epsilon, s.spent
FROM privacy.count_budget AS b JOIN privacy.count_spent AS s ON s.budget = b.name
WHERE b.name = :name;

-- name: publish
SELECT privacy.publish_count_v1(:id, :budget, :question, :epsilon, :scale, :cells, :actor, :at);

-- name: budgets
SELECT b.name, b.purpose, b.epsilon, s.spent,
       (SELECT count(*) FROM privacy.published_count AS p WHERE p.budget = b.name), b.opened_by, b.opened_at
FROM privacy.count_budget AS b JOIN privacy.count_spent AS s ON s.budget = b.name
ORDER BY b.name LIMIT :most;
