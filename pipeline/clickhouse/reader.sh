#!/bin/sh
# Grafana's account: reads the trail, and can change nothing.
set -eu
clickhouse-client --user "$CLICKHOUSE_USER" --password "$CLICKHOUSE_PASSWORD" --multiquery <<SQL
CREATE USER IF NOT EXISTS reader IDENTIFIED BY '$CLICKHOUSE_READER_PASSWORD';
GRANT SELECT ON audit.* TO reader;
SQL
