-- The trail in ClickHouse: one row a record, for a cluster; made by cluster.mjs.
--
-- Only `line` is sent: the very bytes of the file, so that a sealed trail can still be verified from here. All
-- else is read out of it once, on insert, so that a shipper needs no mapping and a new column is one ALTER.
--
-- Delivery is at least once. A record that arrives twice has the same sorting key, so ReplacingMergeTree keeps
-- one; the views of 0002_views.sql read with FINAL and never show the second.
CREATE TABLE IF NOT EXISTS audit_records_local ON CLUSTER '{cluster}'
(
    line String CODEC(ZSTD(3)),

    -- EPHEMERAL: parsed once for all columns, and not kept.
    parsed Tuple(
        timestamp String, level String, name String, message String, service_name String,
        `user` Tuple(id String), record_id String, `schema` UInt16,
        request_id String, parent_id String, trace_id String, span_id String,
        outcome String, extra String, redacted Array(String),
        model String, `table` String, event_type String, instance_id String, instance_label String,
        instance_repr String, changed_fields String, transaction_id String, row_count Nullable(UInt64),
        request_type String, protocol String, request_repr String, response_repr String,
        error_message String, execution_time Nullable(Float64), route String, handler String,
        event String, success Nullable(Bool), error String, details String,
        `chain` String, seq UInt64, hash String
    ) EPHEMERAL JSONExtract(line, 'Tuple(timestamp String, level String, name String, message String, service_name String, `user` Tuple(id String), record_id String, `schema` UInt16, request_id String, parent_id String, trace_id String, span_id String, outcome String, extra String, redacted Array(String), model String, `table` String, event_type String, instance_id String, instance_label String, instance_repr String, changed_fields String, transaction_id String, row_count Nullable(UInt64), request_type String, protocol String, request_repr String, response_repr String, error_message String, execution_time Nullable(Float64), route String, handler String, event String, success Nullable(Bool), error String, details String, `chain` String, seq UInt64, hash String)'),

    timestamp DateTime64(3, 'UTC') DEFAULT parseDateTime64BestEffortOrZero(tupleElement(parsed, 'timestamp'), 3, 'UTC') CODEC(Delta, ZSTD),
    level LowCardinality(String) DEFAULT tupleElement(parsed, 'level'),
    name LowCardinality(String) DEFAULT tupleElement(parsed, 'name'),
    message String DEFAULT tupleElement(parsed, 'message'),
    service_name LowCardinality(String) DEFAULT tupleElement(parsed, 'service_name'),
    user_id String DEFAULT tupleElement(tupleElement(parsed, 'user'), 'id'),
    `user` String ALIAS JSONExtractRaw(line, 'user'),
    record_id String DEFAULT tupleElement(parsed, 'record_id'),
    `schema` UInt16 DEFAULT tupleElement(parsed, 'schema'),
    request_id String DEFAULT tupleElement(parsed, 'request_id'),
    parent_id String DEFAULT tupleElement(parsed, 'parent_id'),
    trace_id String DEFAULT tupleElement(parsed, 'trace_id'),
    span_id String DEFAULT tupleElement(parsed, 'span_id'),
    outcome LowCardinality(String) DEFAULT tupleElement(parsed, 'outcome'),
    extra String DEFAULT tupleElement(parsed, 'extra') CODEC(ZSTD(3)),
    redacted Array(String) DEFAULT tupleElement(parsed, 'redacted'),

    -- audit.crud
    model LowCardinality(String) DEFAULT tupleElement(parsed, 'model'),
    `table` LowCardinality(String) DEFAULT tupleElement(parsed, 'table'),
    event_type LowCardinality(String) DEFAULT tupleElement(parsed, 'event_type'),
    instance_id String DEFAULT tupleElement(parsed, 'instance_id'),
    instance_label String DEFAULT tupleElement(parsed, 'instance_label'),
    instance_repr String DEFAULT tupleElement(parsed, 'instance_repr') CODEC(ZSTD(3)),
    changed_fields String DEFAULT tupleElement(parsed, 'changed_fields') CODEC(ZSTD(3)),
    transaction_id String DEFAULT tupleElement(parsed, 'transaction_id'),
    row_count Nullable(UInt64) DEFAULT tupleElement(parsed, 'row_count'),

    -- audit.request
    request_type LowCardinality(String) DEFAULT tupleElement(parsed, 'request_type'),
    protocol LowCardinality(String) DEFAULT tupleElement(parsed, 'protocol'),
    request_repr String DEFAULT tupleElement(parsed, 'request_repr') CODEC(ZSTD(3)),
    response_repr String DEFAULT tupleElement(parsed, 'response_repr') CODEC(ZSTD(3)),
    method LowCardinality(String) DEFAULT JSONExtractString(request_repr, 'method'),
    path String DEFAULT JSONExtractString(request_repr, 'path'),
    endpoint String DEFAULT JSONExtractString(request_repr, 'endpoint'),
    host LowCardinality(String) DEFAULT JSONExtractString(request_repr, 'host'),
    operation LowCardinality(String) DEFAULT JSONExtractString(request_repr, 'operation'),
    status_code Nullable(UInt16) DEFAULT JSONExtract(response_repr, 'status_code', 'Nullable(UInt16)'),
    error_message String DEFAULT tupleElement(parsed, 'error_message'),
    execution_time Nullable(Float64) DEFAULT tupleElement(parsed, 'execution_time'),
    route LowCardinality(String) DEFAULT tupleElement(parsed, 'route'),
    handler LowCardinality(String) DEFAULT tupleElement(parsed, 'handler'),

    -- audit.login, audit.event
    event LowCardinality(String) DEFAULT tupleElement(parsed, 'event'),
    success Nullable(Bool) DEFAULT tupleElement(parsed, 'success'),
    error String DEFAULT tupleElement(parsed, 'error'),

    -- audit.trail
    details String DEFAULT tupleElement(parsed, 'details'),

    -- sealing
    `chain` String DEFAULT tupleElement(parsed, 'chain'),
    seq UInt64 DEFAULT tupleElement(parsed, 'seq'),
    hash String DEFAULT tupleElement(parsed, 'hash'),

    -- A line that is no record is kept too, under a key of its own: nothing is lost on the way.
    is_record Bool DEFAULT record_id != '',
    record_key String DEFAULT if(record_id = '', hex(SHA256(line)), record_id),
    received_at DateTime64(3, 'UTC') DEFAULT now64(3),

    INDEX by_request request_id TYPE bloom_filter GRANULARITY 4,
    INDEX by_trace trace_id TYPE bloom_filter GRANULARITY 4,
    INDEX by_user user_id TYPE bloom_filter GRANULARITY 4,
    INDEX by_instance instance_id TYPE bloom_filter GRANULARITY 4,
    INDEX by_record record_id TYPE bloom_filter GRANULARITY 4
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/audit_records_local', '{replica}')
PARTITION BY toYYYYMM(timestamp)
ORDER BY (name, service_name, timestamp, record_key)
-- A batch that is sent again after an answer was lost is recognised as a whole.
SETTINGS replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS audit_records ON CLUSTER '{cluster}' AS audit_records_local
ENGINE = Distributed('{cluster}', currentDatabase(), audit_records_local, cityHash64(record_key));
