#!/bin/sh
# Label Studio gets a database and a user of its own beside Masklet's, at the first start of the server.
set -eu
psql --set ON_ERROR_STOP=1 --set password="$POSTGRES_PASSWORD" --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE USER label_studio PASSWORD :'password';
CREATE DATABASE label_studio OWNER label_studio;
SQL
