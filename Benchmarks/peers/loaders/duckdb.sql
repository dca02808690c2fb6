-- What cardstatus makes of the partners' files, as DuckDB does it best: the latest status of every
-- card, its latest phone, two indexes, all of it in the database file. FOLDER is replaced.

-- The forms that most rows have come first: a branch of CASE costs only the rows that reach it.
CREATE MACRO moment(t) AS CASE
    -- Delivered: 2023-07-02T11:13:19Z.
    WHEN ends_with(t, 'Z') THEN epoch(try_cast(t AS TIMESTAMPTZ))
    -- Most others: 03-07-2023 19:20.
    WHEN strlen(t) = 16 AND substr(t, 3, 1) = '-' THEN
        epoch(try_strptime(t, '%d-%m-%Y %H:%M')) - 14400
    WHEN substr(t, 5, 1) = '-' AND (contains(t, '+') OR substr(t, 20) LIKE '%-%') THEN
        epoch(try_cast(t AS TIMESTAMPTZ))
    WHEN substr(t, 5, 1) = '-' THEN epoch(try_cast(t AS TIMESTAMP)) - 14400
    WHEN contains(t, ':') THEN
        epoch(try_strptime(replace(t, '/', '-'), ['%d-%m-%Y %I:%M%p', '%d-%m-%Y %H:%M',
            '%d-%m-%Y %H:%M:%S', '%d-%m-%Y %I:%M:%S%p', '%d-%m-%Y %I:%M %p',
            '%d-%m-%Y %I:%M:%S %p'])) - 14400
    WHEN strlen(t) = 10 THEN try_cast(t AS BIGINT)
    WHEN strlen(t) = 13 THEN try_cast(t AS BIGINT) // 1000
END;

CREATE MACRO international(d) AS CASE
    WHEN starts_with(d, '+9710') THEN try_cast(substr(d, 6) AS BIGINT) + 971000000000
    WHEN starts_with(d, '+') THEN try_cast(substr(d, 2) AS BIGINT)
    WHEN starts_with(d, '00') THEN try_cast(substr(d, 3) AS BIGINT)
    WHEN starts_with(d, '0') THEN try_cast(substr(d, 2) AS BIGINT) + 971000000000
    WHEN strlen(d) = 9 THEN try_cast(d AS BIGINT) + 971000000000
    ELSE try_cast(d AS BIGINT)
END;

CREATE MACRO phone(p) AS CASE
    -- At the pick-up: 562478539.
    WHEN strlen(p) = 9 THEN try_cast(p AS BIGINT) + 971000000000
    -- Most others: "0545671305", in quotes.
    WHEN strlen(p) = 12 AND starts_with(p, '"0') THEN
        try_cast(substr(p, 3, 9) AS BIGINT) + 971000000000
    WHEN contains(p, 'E+') THEN
        CASE WHEN strlen(p) >= 14 THEN
            international(try_cast(try_cast(p AS DOUBLE) AS BIGINT)::VARCHAR)
        END
    WHEN ends_with(p, '.0') THEN international(left(p, -2))
    ELSE international(translate(p, ' "''()-', ''))
END;

CREATE MACRO bare(t) AS CASE WHEN t[1] > '.' AND t[-1] > '.' THEN t ELSE trim(t, E' \t"') END;

CREATE MACRO card(id) AS CASE
    WHEN strlen(id) = 11 AND NOT contains(id, '.') THEN upper(id)
    WHEN ends_with(bare(id), '.0') THEN upper(left(bare(id), -2))
    ELSE upper(bare(id))
END;

CREATE TABLE cards AS
WITH raw AS (
    SELECT *, NULL AS comment, 0 AS rank FROM read_csv('FOLDER/Card Status Info - Pickup.csv',
        columns = {'reference': 'VARCHAR', 'card_id': 'VARCHAR', 'phone': 'VARCHAR', 'said': 'VARCHAR'}, OPTIONS)
    UNION ALL
    SELECT *, 1 FROM read_csv('FOLDER/Card Status Info - Delivery exceptions.csv',
        columns = {'reference': 'VARCHAR', 'card_id': 'VARCHAR', 'phone': 'VARCHAR', 'said': 'VARCHAR', 'comment': 'VARCHAR'}, OPTIONS)
    UNION ALL
    SELECT *, 2 FROM read_csv('FOLDER/Card Status Info - Delivered.csv',
        columns = {'reference': 'VARCHAR', 'card_id': 'VARCHAR', 'phone': 'VARCHAR', 'said': 'VARCHAR', 'comment': 'VARCHAR'}, OPTIONS)
    UNION ALL
    SELECT *, NULL, 3 FROM read_csv('FOLDER/Card Status Info - Returned.csv',
        columns = {'reference': 'VARCHAR', 'card_id': 'VARCHAR', 'phone': 'VARCHAR', 'said': 'VARCHAR'}, OPTIONS)
), bared AS (
    -- Once, and not in each branch that looks at it.
    SELECT card(card_id) AS card_id, bare(said) AS said, rank, phone, reference, comment FROM raw
), parsed AS (
    SELECT card_id, moment(said)::BIGINT * 4 + rank AS place, phone(phone) AS phone, reference,
        comment FROM bared WHERE strlen(card_id) BETWEEN 1 AND 32
)
SELECT card_id, max(place) // 4 AS updated_at, max(place) % 4 AS status,
    arg_max(phone, place) FILTER (phone BETWEEN 10000000 AND 999999999999999) AS phone,
    arg_max(reference, place) AS reference, arg_max(comment, place) AS comment
FROM parsed WHERE place IS NOT NULL GROUP BY card_id;

CREATE INDEX by_card ON cards (card_id);
CREATE INDEX by_phone ON cards (phone);
CHECKPOINT;
