-- The names of `activity-audit query --sql`, so that one question can be asked of the files and of ClickHouse. As there, what
-- a record does not have is NULL.
CREATE OR REPLACE VIEW records AS
SELECT
    timestamp AS time,
    toString(r.timestamp) AS timestamp,
    level, name, message, service_name, record_id, `schema`,
    nullIf(request_id, '') AS request_id, nullIf(parent_id, '') AS parent_id,
    nullIf(trace_id, '') AS trace_id, nullIf(span_id, '') AS span_id, nullIf(outcome, '') AS outcome,
    nullIf(model, '') AS model, nullIf(`table`, '') AS `table`, nullIf(event_type, '') AS event_type,
    nullIf(instance_id, '') AS instance_id, nullIf(instance_label, '') AS instance_label,
    nullIf(transaction_id, '') AS transaction_id, row_count,
    nullIf(request_type, '') AS request_type, nullIf(protocol, '') AS protocol,
    nullIf(error_message, '') AS error_message, execution_time,
    nullIf(route, '') AS route, nullIf(handler, '') AS handler,
    nullIf(event, '') AS event, success, nullIf(error, '') AS error,
    nullIf(user_id, '') AS user_id,
    coalesce(nullIf(JSONExtractString(user, 'name'), ''), nullIf(JSONExtractString(user, 'username'), ''), nullIf(JSONExtractString(user, 'email'), '')) AS user_name,
    coalesce(nullIf(r.model, ''), nullIf(JSONExtractString(line, 'target', 'type'), '')) AS entity,
    coalesce(nullIf(r.instance_id, ''), nullIf(JSONExtractString(line, 'target', 'id'), '')) AS entity_id,
    coalesce(nullIf(r.event_type, ''), nullIf(r.event, ''), nullIf(JSONExtractString(line, 'action'), ''), nullIf(JSONExtractString(extra, 'action'), '')) AS what,
    nullIf(method, '') AS method,
    coalesce(nullIf(path, ''), nullIf(endpoint, ''), nullIf(JSONExtractString(request_repr, 'remote_path'), '')) AS place,
    status_code AS status,
    user, extra, redacted, instance_repr, changed_fields, request_repr, response_repr, details, line AS record,
    nullIf(`chain`, '') AS `chain`, seq, nullIf(hash, '') AS hash
FROM audit_records AS r FINAL
WHERE is_record;
