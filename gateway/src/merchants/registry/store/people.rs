//! People, their invitations and sessions, and wrong sign-ins; see `people.rs` of
//! the registry.

use crate::merchants::people::{Invitation, Person, Session};
use crate::merchants::registry::people::{PersonSettings, StoredPerson};
use crate::merchants::seal::short;
use crate::route::Role;
use crate::runtime::{Row, Storage, StorageError};
use crate::store::{all, exists, first, integer, owned_or_null, texts};

pub(super) const TABLES: [&str; 11] = [
    "CREATE TABLE IF NOT EXISTS people(
        id TEXT PRIMARY KEY, merchant_id TEXT NOT NULL, login TEXT NOT NULL, name TEXT NOT NULL,
        role TEXT NOT NULL, refund_limit INTEGER, has_totp INTEGER NOT NULL,
        codes_left INTEGER NOT NULL, is_off INTEGER NOT NULL, made_at_ms INTEGER NOT NULL,
        signed_in_at_ms INTEGER, totp_step INTEGER NOT NULL, sealed TEXT NOT NULL,
        removed_at_ms INTEGER)",
    "CREATE INDEX IF NOT EXISTS people_merchant ON people(merchant_id, made_at_ms)",
    "CREATE UNIQUE INDEX IF NOT EXISTS people_login ON people(merchant_id, login)
        WHERE removed_at_ms IS NULL",
    "CREATE TABLE IF NOT EXISTS invitations(
        fingerprint TEXT PRIMARY KEY, merchant_id TEXT NOT NULL, role TEXT NOT NULL,
        refund_limit INTEGER, name TEXT, person TEXT, made_by TEXT NOT NULL,
        made_at_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL)",
    "CREATE INDEX IF NOT EXISTS invitations_merchant ON invitations(merchant_id, made_at_ms)",
    "CREATE INDEX IF NOT EXISTS invitations_expire ON invitations(expires_at_ms)",
    "CREATE TABLE IF NOT EXISTS console_sessions(
        fingerprint TEXT PRIMARY KEY, merchant_id TEXT NOT NULL, person TEXT NOT NULL,
        browser TEXT NOT NULL, signed_in_at_ms INTEGER NOT NULL, used_at_ms INTEGER NOT NULL)",
    "CREATE INDEX IF NOT EXISTS console_sessions_person
        ON console_sessions(person, signed_in_at_ms)",
    "CREATE INDEX IF NOT EXISTS console_sessions_used ON console_sessions(used_at_ms)",
    // Until when a login and a browser must wait where they send more: one more
    // wrong sign-in is allowed for each pause that has passed.
    "CREATE TABLE IF NOT EXISTS wrong_sign_ins(
        login TEXT NOT NULL, browser TEXT NOT NULL, full_until_ms INTEGER NOT NULL,
        PRIMARY KEY(login, browser))",
    "CREATE INDEX IF NOT EXISTS wrong_sign_ins_until ON wrong_sign_ins(full_until_ms)",
];

const PERSON: &str = "id, login, name, role, refund_limit, has_totp, codes_left, is_off, \
                      made_at_ms, signed_in_at_ms";

fn role(text: &str) -> Result<Role, StorageError> {
    Role::named(text).ok_or_else(|| StorageError::new("a person's role is unknown"))
}

/// A person from [`PERSON`].
fn person(row: &Row) -> Result<Person, StorageError> {
    Ok(Person {
        id: row.text(0)?.to_owned(),
        login: row.text(1)?.to_owned(),
        name: row.text(2)?.to_owned(),
        role: role(row.text(3)?)?,
        refund_limit: row.int_or_null(4)?,
        has_totp: row.int(5)? != 0,
        codes_left: row.int(6)?,
        is_off: row.int(7)? != 0,
        made_at_ms: row.int(8)?,
        signed_in_at_ms: row.int_or_null(9)?,
    })
}

/// The person with this id.
pub(in crate::merchants::registry) fn by_id(
    storage: &impl Storage,
    merchant: &str,
    id: &str,
) -> Result<Option<Person>, StorageError> {
    let sql = format!(
        "SELECT {PERSON} FROM people WHERE id = ? AND merchant_id = ? AND removed_at_ms IS NULL"
    );
    first(storage, &sql, &[id.into(), merchant.into()], person)
}

/// The person with this login, and its sealed secrets.
pub(in crate::merchants::registry) fn by_login(
    storage: &impl Storage,
    merchant: &str,
    login: &str,
) -> Result<Option<StoredPerson>, StorageError> {
    let sql = format!(
        "SELECT {PERSON}, sealed FROM people
         WHERE merchant_id = ? AND login = ? AND removed_at_ms IS NULL"
    );
    first(storage, &sql, &[merchant.into(), login.into()], |row| {
        Ok(StoredPerson {
            person: person(row)?,
            sealed: row.text(10)?.to_owned(),
        })
    })
}

/// A merchant's people, in the order in which they joined.
pub(in crate::merchants::registry) fn list(
    storage: &impl Storage,
    merchant: &str,
) -> Result<Vec<Person>, StorageError> {
    let sql = format!(
        "SELECT {PERSON} FROM people WHERE merchant_id = ? AND removed_at_ms IS NULL
         ORDER BY made_at_ms, id"
    );
    all(storage, &sql, &[merchant.into()], person)
}

/// The ids and names of a merchant's people, those that were removed among them.
pub(in crate::merchants::registry) fn names(
    storage: &impl Storage,
    merchant: &str,
) -> Result<Vec<(String, String)>, StorageError> {
    let sql = "SELECT id, name FROM people WHERE merchant_id = ? ORDER BY made_at_ms, id";
    all(storage, sql, &[merchant.into()], |row| {
        Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned()))
    })
}

/// The ids of a merchant's people, and their sealed secrets.
pub(in crate::merchants::registry) fn secrets(
    storage: &impl Storage,
    merchant: &str,
) -> Result<Vec<(String, String)>, StorageError> {
    let sql =
        "SELECT id, sealed FROM people WHERE merchant_id = ? AND removed_at_ms IS NULL ORDER BY id";
    all(storage, sql, &[merchant.into()], |row| {
        Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned()))
    })
}

/// How many people and invitations a merchant has.
pub(in crate::merchants::registry) fn count(
    storage: &impl Storage,
    merchant: &str,
) -> Result<i64, StorageError> {
    integer(
        storage,
        "SELECT (SELECT count(*) FROM people WHERE merchant_id = ?1 AND removed_at_ms IS NULL)
              + (SELECT count(*) FROM invitations WHERE merchant_id = ?1 AND person IS NULL)",
        &[merchant.into()],
    )
}

/// Whether a merchant has an owner, other than this person, who can sign in.
pub(in crate::merchants::registry) fn has_other_owner(
    storage: &impl Storage,
    merchant: &str,
    id: &str,
) -> Result<bool, StorageError> {
    exists(
        storage,
        "SELECT 1 FROM people
         WHERE merchant_id = ? AND id <> ? AND role = ? AND is_off = 0 AND removed_at_ms IS NULL",
        &[merchant.into(), id.into(), Role::Owner.name().into()],
    )
}

pub(in crate::merchants::registry) fn insert(
    storage: &impl Storage,
    merchant: &str,
    person: &Person,
    sealed: &str,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO people(id, merchant_id, login, name, role, refund_limit, has_totp,
             codes_left, is_off, made_at_ms, totp_step, sealed)
         VALUES(?, ?, ?, ?, ?, ?, 0, 0, 0, ?, 0, ?)",
        &[
            person.id.as_str().into(),
            merchant.into(),
            person.login.as_str().into(),
            person.name.as_str().into(),
            person.role.name().into(),
            person.refund_limit.into(),
            person.made_at_ms.into(),
            sealed.into(),
        ],
    )?;
    Ok(())
}

/// Writes what other people may change of a person.
pub(in crate::merchants::registry) fn change(
    storage: &impl Storage,
    id: &str,
    settings: &PersonSettings,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE people SET name = ?, role = ?, refund_limit = ?, is_off = ? WHERE id = ?",
        &[
            settings.name.as_str().into(),
            settings.role.name().into(),
            settings.refund_limit.into(),
            i64::from(settings.is_off).into(),
            id.into(),
        ],
    )?;
    Ok(())
}

/// Removes a person; the name stays for the audit.
pub(in crate::merchants::registry) fn remove(
    storage: &impl Storage,
    id: &str,
    now_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE people SET removed_at_ms = ?, sealed = '' WHERE id = ?",
        &[now_ms.into(), id.into()],
    )?;
    Ok(())
}

/// Records a sign-in.
pub(in crate::merchants::registry) fn set_signed_in(
    storage: &impl Storage,
    id: &str,
    now_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE people SET signed_in_at_ms = ? WHERE id = ?",
        &[now_ms.into(), id.into()],
    )?;
    Ok(())
}

/// Replaces a person's sealed secrets, if they still are `before`. Whether they
/// were.
pub(in crate::merchants::registry) fn set_secrets(
    storage: &impl Storage,
    (merchant, id): (&str, &str),
    [before, after]: &[String; 2],
) -> Result<bool, StorageError> {
    exists(
        storage,
        "UPDATE people SET sealed = ?
         WHERE id = ? AND merchant_id = ? AND sealed = ? AND removed_at_ms IS NULL RETURNING 1",
        &[
            after.as_str().into(),
            id.into(),
            merchant.into(),
            before.as_str().into(),
        ],
    )
}

/// Records whether a person has a second factor, and how many recovery codes.
pub(in crate::merchants::registry) fn set_factor(
    storage: &impl Storage,
    id: &str,
    has_totp: bool,
    codes_left: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE people SET has_totp = ?, codes_left = ? WHERE id = ?",
        &[i64::from(has_totp).into(), codes_left.into(), id.into()],
    )?;
    Ok(())
}

/// Records the time step of a used code, if it is later than the last one. Whether
/// it is.
pub(in crate::merchants::registry) fn set_step(
    storage: &impl Storage,
    id: &str,
    step: i64,
) -> Result<bool, StorageError> {
    exists(
        storage,
        "UPDATE people SET totp_step = ?1 WHERE id = ?2 AND totp_step < ?1 RETURNING 1",
        &[step.into(), id.into()],
    )
}

const INVITATION: &str =
    "fingerprint, role, refund_limit, name, person, made_by, made_at_ms, expires_at_ms";

/// An invitation from [`INVITATION`].
fn invitation(row: &Row) -> Result<Invitation, StorageError> {
    Ok(Invitation {
        id: short(row.text(0)?).to_owned(),
        role: role(row.text(1)?)?,
        refund_limit: row.int_or_null(2)?,
        name: owned_or_null(row, 3)?,
        person: owned_or_null(row, 4)?,
        made_by: row.text(5)?.to_owned(),
        made_at_ms: row.int(6)?,
        expires_at_ms: row.int(7)?,
    })
}

pub(in crate::merchants::registry) fn insert_invitation(
    storage: &impl Storage,
    merchant: &str,
    fingerprint: &str,
    invitation: &Invitation,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO invitations(fingerprint, merchant_id, role, refund_limit, name, person,
             made_by, made_at_ms, expires_at_ms)
         VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
        &[
            fingerprint.into(),
            merchant.into(),
            invitation.role.name().into(),
            invitation.refund_limit.into(),
            invitation.name.as_deref().into(),
            invitation.person.as_deref().into(),
            invitation.made_by.as_str().into(),
            invitation.made_at_ms.into(),
            invitation.expires_at_ms.into(),
        ],
    )?;
    Ok(())
}

/// An invitation that can be used.
pub(in crate::merchants::registry) fn find_invitation(
    storage: &impl Storage,
    merchant: &str,
    fingerprint: &str,
    now_ms: i64,
) -> Result<Option<Invitation>, StorageError> {
    let sql = format!(
        "SELECT {INVITATION} FROM invitations
         WHERE fingerprint = ? AND merchant_id = ? AND expires_at_ms > ?"
    );
    let args = [fingerprint.into(), merchant.into(), now_ms.into()];
    first(storage, &sql, &args, invitation)
}

/// A merchant's invitations that can be used, newest first.
pub(in crate::merchants::registry) fn invitations(
    storage: &impl Storage,
    merchant: &str,
    now_ms: i64,
) -> Result<Vec<Invitation>, StorageError> {
    let sql = format!(
        "SELECT {INVITATION} FROM invitations WHERE merchant_id = ? AND expires_at_ms > ?
         ORDER BY made_at_ms DESC, fingerprint"
    );
    all(storage, &sql, &[merchant.into(), now_ms.into()], invitation)
}

/// Removes an invitation by its fingerprint.
pub(in crate::merchants::registry) fn remove_invitation(
    storage: &impl Storage,
    fingerprint: &str,
) -> Result<(), StorageError> {
    let sql = "DELETE FROM invitations WHERE fingerprint = ?";
    storage.exec(sql, &[fingerprint.into()])?;
    Ok(())
}

/// Removes the invitation whose fingerprint begins with these eight characters.
/// Whether there was one.
pub(in crate::merchants::registry) fn withdraw(
    storage: &impl Storage,
    merchant: &str,
    beginning: &str,
) -> Result<bool, StorageError> {
    exists(
        storage,
        "DELETE FROM invitations WHERE merchant_id = ? AND substr(fingerprint, 1, 8) = ?
         RETURNING 1",
        &[merchant.into(), beginning.into()],
    )
}

/// Removes the links by which this person can set a new password.
pub(in crate::merchants::registry) fn remove_links_of(
    storage: &impl Storage,
    merchant: &str,
    person: &str,
) -> Result<(), StorageError> {
    let sql = "DELETE FROM invitations WHERE merchant_id = ? AND person = ?";
    storage.exec(sql, &[merchant.into(), person.into()])?;
    Ok(())
}

/// Removes the invitations and links that this person has made, as the audit names the
/// maker. Returns their fingerprints.
pub(in crate::merchants::registry) fn remove_links_by(
    storage: &impl Storage,
    merchant: &str,
    maker: &str,
) -> Result<Vec<String>, StorageError> {
    texts(
        storage,
        "DELETE FROM invitations WHERE merchant_id = ? AND made_by = ? RETURNING fingerprint",
        &[merchant.into(), maker.into()],
    )
}

/// Removes every merchant's invitations that have expired.
pub(in crate::merchants::registry) fn remove_expired_invitations(
    storage: &impl Storage,
    now_ms: i64,
) -> Result<(), StorageError> {
    let sql = "DELETE FROM invitations WHERE expires_at_ms <= ?";
    storage.exec(sql, &[now_ms.into()])?;
    Ok(())
}

const SESSION: &str = "fingerprint, browser, signed_in_at_ms, used_at_ms";

/// A session from [`SESSION`].
fn session(row: &Row) -> Result<Session, StorageError> {
    Ok(Session {
        id: short(row.text(0)?).to_owned(),
        browser: row.text(1)?.to_owned(),
        signed_in_at_ms: row.int(2)?,
        used_at_ms: row.int(3)?,
    })
}

pub(in crate::merchants::registry) fn insert_session(
    storage: &impl Storage,
    (merchant, person): (&str, &str),
    fingerprint: &str,
    browser: &str,
    now_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO console_sessions(fingerprint, merchant_id, person, browser,
             signed_in_at_ms, used_at_ms)
         VALUES(?1, ?2, ?3, ?4, ?5, ?5)",
        &[
            fingerprint.into(),
            merchant.into(),
            person.into(),
            browser.into(),
            now_ms.into(),
        ],
    )?;
    Ok(())
}

/// A session and its person's id.
pub(in crate::merchants::registry) fn find_session(
    storage: &impl Storage,
    merchant: &str,
    fingerprint: &str,
) -> Result<Option<(Session, String)>, StorageError> {
    let sql = format!(
        "SELECT {SESSION}, person FROM console_sessions WHERE fingerprint = ? AND merchant_id = ?"
    );
    let args = [fingerprint.into(), merchant.into()];
    first(storage, &sql, &args, |row| {
        Ok((session(row)?, row.text(4)?.to_owned()))
    })
}

/// A person's sessions, newest first.
pub(in crate::merchants::registry) fn sessions(
    storage: &impl Storage,
    person: &str,
) -> Result<Vec<Session>, StorageError> {
    let sql = format!(
        "SELECT {SESSION} FROM console_sessions WHERE person = ?
         ORDER BY signed_in_at_ms DESC, fingerprint"
    );
    all(storage, &sql, &[person.into()], session)
}

/// Stores when a session was last used.
pub(in crate::merchants::registry) fn set_session_used(
    storage: &impl Storage,
    fingerprint: &str,
    now_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE console_sessions SET used_at_ms = ? WHERE fingerprint = ?",
        &[now_ms.into(), fingerprint.into()],
    )?;
    Ok(())
}

/// Removes a person's sessions: the one whose fingerprint begins so, or all but
/// that one. Returns their fingerprints.
pub(in crate::merchants::registry) fn remove_sessions(
    storage: &impl Storage,
    person: &str,
    only: Option<&str>,
    but: Option<&str>,
) -> Result<Vec<String>, StorageError> {
    texts(
        storage,
        "DELETE FROM console_sessions
         WHERE person = ?1 AND (?2 IS NULL OR substr(fingerprint, 1, 8) = ?2)
             AND (?3 IS NULL OR substr(fingerprint, 1, 8) <> ?3)
         RETURNING fingerprint",
        &[person.into(), only.into(), but.into()],
    )
}

/// Removes every person's sessions that were not used since this time.
pub(in crate::merchants::registry) fn remove_old_sessions(
    storage: &impl Storage,
    before_ms: i64,
) -> Result<(), StorageError> {
    let sql = "DELETE FROM console_sessions WHERE used_at_ms <= ?";
    storage.exec(sql, &[before_ms.into()])?;
    Ok(())
}

/// When every counted wrong sign-in of this login and browser has waited out
/// its pause, Unix milliseconds.
pub(in crate::merchants::registry) fn full_until_ms(
    storage: &impl Storage,
    login: &str,
    browser: &str,
) -> Result<Option<i64>, StorageError> {
    let sql = "SELECT full_until_ms FROM wrong_sign_ins WHERE login = ? AND browser = ?";
    first(storage, sql, &[login.into(), browser.into()], |row| {
        row.int(0)
    })
}

pub(in crate::merchants::registry) fn set_full_until(
    storage: &impl Storage,
    login: &str,
    browser: &str,
    until_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO wrong_sign_ins(login, browser, full_until_ms) VALUES(?1, ?2, ?3)
         ON CONFLICT(login, browser) DO UPDATE SET full_until_ms = ?3",
        &[login.into(), browser.into(), until_ms.into()],
    )?;
    Ok(())
}

/// Removes the rows that no longer limit a sign-in.
pub(in crate::merchants::registry) fn remove_past_sign_ins(
    storage: &impl Storage,
    now_ms: i64,
) -> Result<(), StorageError> {
    let sql = "DELETE FROM wrong_sign_ins WHERE full_until_ms <= ?";
    storage.exec(sql, &[now_ms.into()])?;
    Ok(())
}
