-- How long records are kept in ClickHouse. Nothing is deleted unless you run this: the trail has no limit of its own.
-- 400 days here; take the number that your rules ask for.
ALTER TABLE audit_records
    MODIFY TTL toDateTime(timestamp) + INTERVAL 400 DAY DELETE;
