-- name: open_budget
SELECT privacy.open_budget_v1(:id, :name, :purpose, :epsilon, :actor, :at);

-- name: publish
SELECT privacy.publish_count_v1(:id, :budget, :question, :epsilon, :scale, :cells, :actor, :at);
