-- What people ask of, one view a kind of record. FINAL: a record that was delivered twice is seen once.

CREATE OR REPLACE VIEW audit_changes AS
SELECT timestamp, service_name, user_id, user, event_type, model, `table`, instance_id, instance_label,
       changed_fields, instance_repr, row_count, outcome, transaction_id, request_id, parent_id, trace_id, record_id, extra
FROM audit_records FINAL
WHERE name = 'audit.crud' AND is_record;

CREATE OR REPLACE VIEW audit_requests AS
SELECT timestamp, service_name, user_id, user, protocol, method, path, route, handler, status_code, outcome,
       execution_time, error_message, request_repr, response_repr, request_id, parent_id, trace_id, span_id, record_id, extra
FROM audit_records FINAL
WHERE name = 'audit.request' AND request_type = 'internal' AND is_record;

CREATE OR REPLACE VIEW audit_calls AS
SELECT timestamp, service_name, user_id, user, protocol, method, endpoint, host, operation, status_code, outcome,
       execution_time, error_message, request_repr, response_repr, request_id, parent_id, trace_id, span_id, record_id, extra
FROM audit_records FINAL
WHERE name = 'audit.request' AND request_type = 'external' AND is_record;

CREATE OR REPLACE VIEW audit_logins AS
SELECT timestamp, service_name, user_id, user, event, success, error, outcome, request_id, trace_id, record_id, extra
FROM audit_records FINAL
WHERE name = 'audit.login' AND is_record;

-- What the trail says of itself: starts, stops, gaps. A gap is a promise that was not kept: alert on it.
CREATE OR REPLACE VIEW audit_trail AS
SELECT timestamp, service_name, event_type, details, record_id, `chain`, seq
FROM audit_records FINAL
WHERE name = 'audit.trail' AND is_record;
