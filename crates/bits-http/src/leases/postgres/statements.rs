//! The statements of rows in PostgreSQL. Each is a transaction of its own.

pub(super) const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";

/// Another key than that of an owner of the same name.
pub(super) const LOCK_FOLDER: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 1))";

/// A macro, because both statements must be known as they are.
macro_rules! insert {
    ($end:literal) => {
        concat!(
            "INSERT INTO bits_sessions
                (id, owner, is_open, newest, holder, until, crashed, saved, due, record, place, destination)
            SELECT $1::text::uuid, $2, true, 1, 1, now() + make_interval(secs => $3::float8), false, now(),
                coalesce(now() + make_interval(secs => $4::float8), 'infinity'), $5, $6,
                md5($2 || chr(10) || $8::text)::uuid
            WHERE $7::bigint IS NULL
                OR (SELECT count(*) FROM bits_sessions WHERE owner = $2 AND is_open) < $7 ",
            $end
        )
    };
}

pub(super) const INSERT: &str = insert!("RETURNING 1");

/// A repeat finds the row of the first try.
pub(super) const INSERT_UNCOUNTED: &str =
    insert!("ON CONFLICT (id) DO UPDATE SET until = excluded.until RETURNING 1");

/// A row that a request may take: nobody has it, and no newer session takes its place.
macro_rules! free {
    () => {
        "((holder = 0 OR until < now()) AND NOT (replaced AND is_open))"
    };
}

/// Draws a number, and takes the row where it is free.
pub(super) const DRAW: &str = concat!(
    "
    UPDATE bits_sessions SET
        newest = newest + 1,
        crashed = CASE WHEN ",
    free!(),
    " THEN holder <> 0 ELSE crashed END,
        holder = CASE WHEN ",
    free!(),
    " THEN newest + 1 ELSE holder END,
        until = CASE WHEN ",
    free!(),
    " THEN now() + make_interval(secs => $3::float8) ELSE until END
    WHERE id = $1::text::uuid AND ($2::text IS NULL OR owner = $2)
    RETURNING newest, holder = newest, crashed, extract(epoch FROM now() - saved)::float8,
        CASE WHEN holder = newest THEN record END, CASE WHEN holder = newest THEN place END, folder, promised,
        CASE WHEN holder <> newest THEN pg_notify('bits_sessions', id || ' ' || newest)::text END"
);

/// Takes the row with a number that was drawn, where it is free. Else says what the newest number is.
pub(super) const TAKE: &str = concat!(
    "
    WITH taken AS (
        UPDATE bits_sessions SET
            crashed = holder <> 0, holder = newest, until = now() + make_interval(secs => $3::float8)
        WHERE id = $1::text::uuid AND newest = $2 AND ",
    free!(),
    "
        RETURNING newest, crashed, saved, record, place, folder, promised
    )
    SELECT newest, true, crashed, extract(epoch FROM now() - saved)::float8, record, place, folder, promised FROM taken
    UNION ALL
    SELECT newest, false, false, 0::float8, NULL, NULL, NULL, 0 FROM bits_sessions
    WHERE id = $1::text::uuid AND NOT EXISTS (SELECT FROM taken)"
);

/// A macro, because both statements must be known as they are.
macro_rules! due {
    ($which:literal) => {
        concat!(
            "
    UPDATE bits_sessions SET
        newest = newest + 1, crashed = holder <> 0, holder = newest + 1,
        until = now() + make_interval(secs => $1::float8)
    WHERE id = (
        SELECT id FROM bits_sessions WHERE ",
            $which,
            " AND (holder = 0 OR until < now())
        ORDER BY due LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING newest, true, crashed, extract(epoch FROM now() - saved)::float8, record, place,
        folder, promised, id::text"
        )
    };
}

pub(super) const DUE: &str = due!("due <= now() AND NOT (replaced AND is_open)");

pub(super) const REPLACED: &str = due!("replaced AND is_open");

pub(super) const ABANDONED: &str = due!("publishing AND is_open AND holder <> 0");

/// Signals whoever works on an older session to stop, and lets nobody else work on it.
pub(super) const REPLACE: &str = "
    UPDATE bits_sessions AS older SET replaced = true, newest = older.newest + 1
    FROM bits_sessions AS newer
    WHERE newer.id = $1::text::uuid AND older.destination = newer.destination AND older.begun < newer.begun
        AND older.is_open AND NOT older.replaced
    RETURNING pg_notify('bits_sessions', older.id || ' ' || older.newest)::text";

/// Those that were given back in order have no bytes. Those that were promised something stay until they are due: a count of files that began
/// before they ended may have missed theirs.
pub(super) const BOUND: &str = "
    DELETE FROM bits_sessions WHERE id IN (
        SELECT id FROM bits_sessions WHERE NOT is_open AND holder = 0 AND promised = 0 ORDER BY due DESC OFFSET $1
    ) RETURNING 1";

pub(super) const RENEW: &str = "
    UPDATE bits_sessions SET until = now() + make_interval(secs => $3::float8)
    FROM unnest($1::text[], $2::bigint[]) AS held (held_id, number)
    WHERE id = held_id::uuid AND holder = number
    RETURNING id::text, number, newest";

pub(super) const SAVE: &str = "
    UPDATE bits_sessions SET
        record = $3, place = $4, saved = now(), is_open = $5, publishing = $9, crashed = false,
        due = CASE
            WHEN is_open = $5 AND due <= now() + make_interval(secs => $6::float8)
                AND due >= now() + make_interval(secs => $7::float8) THEN due
            ELSE coalesce(now() + make_interval(secs => $6::float8), 'infinity') END,
        holder = CASE WHEN $8::float8 IS NULL THEN 0 ELSE holder END,
        until = coalesce(now() + make_interval(secs => $8::float8), until)
    WHERE id = $1::text::uuid AND holder = $2
    RETURNING CASE WHEN $8::float8 IS NULL AND newest > $2 THEN pg_notify('bits_sessions', id || ' ' || newest)::text END";

pub(super) const FORGET: &str =
    "DELETE FROM bits_sessions WHERE id = $1::text::uuid AND holder = $2 RETURNING 1";

pub(super) const LOOK: &str = "
    SELECT record, place, extract(epoch FROM now() - saved)::float8 FROM bits_sessions
    WHERE id = $1::text::uuid";

pub(super) const TOUCH: &str = "
    UPDATE bits_sessions SET due = due + (now() - saved), saved = now()
    WHERE id = $1::text::uuid AND is_open AND (holder = 0 OR until < now()) RETURNING 1";

pub(super) const OPEN: &str = "SELECT count(*) FROM bits_sessions WHERE is_open";

pub(super) const UNKNOWN: &str = "
    SELECT wanted FROM unnest($1::text[]) AS wanted
    WHERE NOT EXISTS (SELECT FROM bits_sessions WHERE id = wanted::uuid)";

pub(super) const NOW: &str = "SELECT clock_timestamp()";

/// 0: promised, 1: full, 2: in doubt, 3: lost. Sums of `bigint` are `numeric`, which does not overflow.
pub(super) const PROMISE: &str = "
    WITH others AS (
        SELECT coalesce(sum(promised) FILTER (WHERE is_open AND NOT publishing AND NOT replaced), 0) AS certain,
            coalesce(sum(promised) FILTER (WHERE is_open OR saved >= $7), 0) AS possible
        FROM bits_sessions WHERE folder = $3 AND promised > 0 AND id <> $1::text::uuid
    ), wanted AS (
        SELECT certain + $6::bigint + greatest($4::bigint, 1) <= $5::bigint AS may_fit,
            possible + $6::bigint + greatest($4::bigint, 1) <= $5::bigint AS fits
        FROM others
    ), kept AS (
        UPDATE bits_sessions SET folder = $3, promised = $4
        WHERE id = $1::text::uuid AND holder = $2 AND (SELECT fits FROM wanted)
        RETURNING 1
    )
    SELECT CASE WHEN EXISTS (SELECT FROM kept) THEN 0 WHEN NOT may_fit THEN 1 WHEN NOT fits THEN 2 ELSE 3 END
    FROM wanted";
