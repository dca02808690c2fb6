-- What cardstatus makes of the partners' files, in PostgreSQL: COPY, the latest status of every card,
-- its latest phone, two indexes, checkpoint. FOLDER is replaced.

CREATE FUNCTION moment(t text) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN t ~ '^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d)?(\.\d+)?([Zz]|[+-]\d\d:?(\d\d)?)$' THEN
            extract(epoch FROM t::timestamptz)::bigint
        WHEN t ~ '^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?$' THEN
            extract(epoch FROM t::timestamp)::bigint - 14400
        WHEN t ~ '^\d\d?[-/]\d\d?[-/]\d{4} \d\d?:\d\d$' THEN
            extract(epoch FROM to_timestamp(t, 'DD-MM-YYYY HH24:MI'))::bigint - 14400
        WHEN t ~ '^\d\d?[-/]\d\d?[-/]\d{4} \d\d?:\d\d:\d\d$' THEN
            extract(epoch FROM to_timestamp(t, 'DD-MM-YYYY HH24:MI:SS'))::bigint - 14400
        WHEN t ~* '^\d\d?[-/]\d\d?[-/]\d{4} \d\d?:\d\d ?[AP]M$' THEN
            extract(epoch FROM to_timestamp(replace(t, ' ', ''), 'DD-MM-YYYYHH12:MIAM'))::bigint
                - 14400
        WHEN t ~* '^\d\d?[-/]\d\d?[-/]\d{4} \d\d?:\d\d:\d\d ?[AP]M$' THEN
            extract(epoch FROM to_timestamp(replace(t, ' ', ''), 'DD-MM-YYYYHH12:MI:SSAM'))::bigint
                - 14400
        WHEN t ~ '^\d{10}$' THEN t::bigint
        WHEN t ~ '^\d{13}$' THEN t::bigint / 1000
    END
$$;

CREATE FUNCTION phone(p text) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN p ~ '^\d{9}$' THEN p::bigint + 971000000000
        WHEN p ~ '^"0\d{9}"$' THEN substr(p, 3, 9)::bigint + 971000000000
        WHEN d ~ '^\+\d{8,15}$' THEN substr(d, 2)::bigint
        WHEN d ~ '^00\d{8,15}$' THEN substr(d, 3)::bigint
        WHEN d ~ '^0\d{8,9}$' THEN substr(d, 2)::bigint + 971000000000
        WHEN d ~ '^\d{9}$' THEN d::bigint + 971000000000
        WHEN d ~ '^\d{8,15}$' THEN d::bigint
        WHEN p ~ '^\d\.\d{8,11}E\+\d\d$' THEN
            CASE WHEN p::numeric < 1000000000 THEN p::numeric::bigint + 971000000000
                ELSE p::numeric::bigint END
    END
    FROM (SELECT translate(regexp_replace(p, '\.0$', ''), ' "''()-', '') AS d) AS cleaned
$$;

-- Created and filled in one transaction with wal_level minimal, COPY writes no log.
BEGIN;
CREATE UNLOGGED TABLE raw (
    reference text, card_id text, phone text, said text, comment text, rank int DEFAULT 0);
COPY raw (reference, card_id, phone, said)
    FROM 'FOLDER/Card Status Info - Pickup.csv' (FORMAT csv, HEADER);
ALTER TABLE raw ALTER rank SET DEFAULT 1;
COPY raw (reference, card_id, phone, said, comment)
    FROM 'FOLDER/Card Status Info - Delivery exceptions.csv' (FORMAT csv, HEADER);
ALTER TABLE raw ALTER rank SET DEFAULT 2;
COPY raw (reference, card_id, phone, said, comment)
    FROM 'FOLDER/Card Status Info - Delivered.csv' (FORMAT csv, HEADER);
ALTER TABLE raw ALTER rank SET DEFAULT 3;
COPY raw (reference, card_id, phone, said)
    FROM 'FOLDER/Card Status Info - Returned.csv' (FORMAT csv, HEADER);
COMMIT;

BEGIN;
CREATE TABLE cards AS
SELECT DISTINCT ON (card_id) card_id, second AS updated_at, rank AS status,
    first_value(phone) OVER (PARTITION BY card_id
        ORDER BY (phone IS NULL), second DESC, rank DESC) AS phone, reference, comment
FROM (
    SELECT upper(regexp_replace(btrim(card_id, E' \t"'), '\.0$', '')) AS card_id,
        moment(btrim(said, E' "')) AS second, rank, phone(phone) AS phone, reference, comment
    FROM raw) AS parsed
WHERE second IS NOT NULL AND length(card_id) BETWEEN 1 AND 32
ORDER BY card_id, second DESC, rank DESC;
CREATE UNIQUE INDEX ON cards (card_id);
CREATE INDEX ON cards (phone);
DROP TABLE raw;
COMMIT;
CHECKPOINT;
