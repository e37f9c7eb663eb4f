//! People of a merchant: who may sign in to its console, and where they have.
//!
//! ```text
//! people( id, merchant_id, login, name, role, refund_limit or NULL, has_totp, codes_left,
//!         is_off, made_at_ms, signed_in_at_ms or NULL, totp_step, sealed,
//!         removed_at_ms or NULL )
//! invitations( fingerprint, merchant_id, role, refund_limit or NULL, name or NULL,
//!         person or NULL, made_by, made_at_ms, expires_at_ms )
//! console_sessions( fingerprint, merchant_id, person, browser, signed_in_at_ms, used_at_ms )
//! wrong_sign_ins( login, browser, full_until_ms )         in the shard of the login
//! ```
//!
//! Of a session's and an invitation's token only the SHA-256 fingerprint is kept.
//! Passwords, second factors and recovery codes are sealed by the isolate, and a
//! change of them names what it was made from, so that two changes at once do not
//! undo one another, and no code is used twice.

use super::command::{Answer, Call, Command, Found, Reply, replies};
use super::{Registry, store};
use crate::merchants::people::{IDLE_MS, Invitation, Person, Session, SignedIn, is_same_name};
use crate::merchants::seal::short;
use crate::observe::{Actor, audit};
use crate::route::{Right, Role};
use crate::runtime::{Runtime, Storage, StorageError};
use serde::{Deserialize, Serialize};

/// The most people and invitations of one merchant.
const MAX_PEOPLE: i64 = 200;
/// The time of a session's last use is written at most once in this time.
const USED_APART_MS: i64 = 60 * 60 * 1000;
/// How many wrong sign-ins of one login are allowed at once, for browsers that are
/// unknown together, and for each known browser.
pub const WRONG_AT_ONCE: i64 = 10;
/// The pause after which one more is allowed.
pub const WRONG_APART_MS: i64 = 6 * 60 * 1000;
/// The same for wrong codes of the second factor: a code has six digits only.
pub const WRONG_CODES_AT_ONCE: i64 = 5;
/// The pause after which one more wrong code is allowed.
pub const WRONG_CODES_APART_MS: i64 = 15 * 60 * 1000;

macro_rules! commands {
    ($($(#[$about:meta])* $name:ident -> $reply:ty { $($(#[$field_about:meta])* $field:ident: $kind:ty,)* })*) => {
        $(
            $(#[$about])*
            #[derive(Clone, Debug, Serialize, Deserialize)]
            pub struct $name {
                $($(#[$field_about])* pub $field: $kind,)*
            }

            impl Command for $name {
                type Reply = $reply;

                fn into_call(self) -> Call {
                    Call::People(PeopleCall::$name(self))
                }
            }
        )*

        /// A command about people, as it is sent.
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[allow(missing_docs, reason = "each command documents itself")]
        pub enum PeopleCall {
            $($name($name),)*
        }
    };
}

commands! {
    /// Adds an invitation.
    Invite -> NewInvitation {
        /// The merchant's id.
        id: String,
        /// The token's fingerprint.
        fingerprint: String,
        /// The invitation.
        invitation: Invitation,
        /// The person who asks; `None` for the operator.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    }

    /// An invitation that can be used.
    FindInvitation -> Option<Box<Invited>> {
        /// The merchant's id.
        id: String,
        /// The token's fingerprint.
        fingerprint: String,
    }

    /// Removes an invitation. Whether there was one.
    Withdraw -> bool {
        /// The merchant's id.
        id: String,
        /// See [`Invitation::id`].
        invitation: String,
        /// The person who asks; `None` for the operator.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    }

    /// Uses an invitation: a person joins, and is signed in.
    Join -> Joined {
        /// The merchant's id.
        id: String,
        /// The fingerprint of the invitation's token.
        invitation: String,
        /// The new person's id.
        person: String,
        /// The login that the person has chosen.
        login: String,
        /// The person's name.
        name: String,
        /// The sealed secrets.
        sealed: String,
        /// The browser's session.
        session: NewSession,
    }

    /// Uses a link by which a person sets a new password, and signs the person in.
    /// The second factor ends, and every other session. Whether the link can be used.
    SetAnew -> bool {
        /// The merchant's id.
        id: String,
        /// The fingerprint of the link's token.
        invitation: String,
        /// The person's id.
        person: String,
        /// The new sealed secrets.
        sealed: String,
        /// The browser's session.
        session: NewSession,
    }

    /// The person with this login, with its sealed secrets.
    FindPerson -> Option<Box<StoredPerson>> {
        /// The merchant's id.
        id: String,
        /// The login.
        login: String,
    }

    /// Signs a person in. Whether the secrets still are those that were checked, and
    /// the code was not used before.
    StartSession -> bool {
        /// The merchant's id.
        id: String,
        /// The person's id.
        person: String,
        /// The secrets before and after the sign-in.
        secrets: [String; 2],
        /// How many recovery codes are left.
        codes_left: i64,
        /// The time step of the code that was used.
        step: Option<i64>,
        /// The browser's session.
        session: NewSession,
    }

    /// The merchant and the person that a session belongs to, with
    /// [`Found::signed_in`].
    BySession -> Option<Box<Found>> {
        /// The merchant's id.
        id: String,
        /// The session's fingerprint.
        fingerprint: String,
    }

    /// A person's sessions, newest first.
    Sessions -> Vec<Session> {
        /// The merchant's id.
        id: String,
        /// The person's id.
        person: String,
    }

    /// Ends sessions of a person. How many.
    EndSessions -> i64 {
        /// The merchant's id.
        id: String,
        /// The person's id.
        person: String,
        /// Only this one: see [`Session::id`].
        only: Option<String>,
        /// All but this one.
        but: Option<String>,
    }

    /// Changes a person's secrets, as the person itself. Whether they still are those
    /// that the change was made from, and the code was not used before.
    ChangeSecrets -> bool {
        /// The merchant's id.
        id: String,
        /// The person's id.
        person: String,
        /// The secrets before and after the change.
        secrets: [String; 2],
        /// Whether there is a second factor, and how many recovery codes.
        factor: (bool, i64),
        /// The time step of the code that was used.
        step: Option<i64>,
        /// The change, for the audit; empty for a change that the audit does
        /// not show.
        what: String,
        /// A new session of the browser, which ends all earlier ones of the person.
        session: Option<NewSession>,
    }

    /// A merchant's people and invitations.
    Staff -> Box<StaffFacts> {
        /// The merchant's id.
        id: String,
    }

    /// Changes what a person may do.
    ChangePerson -> Changed {
        /// The merchant's id.
        id: String,
        /// The person's id.
        person: String,
        /// The new values of everything that can be changed.
        settings: PersonSettings,
        /// The person who asks; `None` for the operator.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    }

    /// Removes a person.
    RemovePerson -> Changed {
        /// The merchant's id.
        id: String,
        /// The person's id.
        person: String,
        /// The person who asks; `None` for the operator.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    }

    /// The ids and names of a merchant's people, also of those that were removed.
    PeopleNames -> Vec<(String, String)> {
        /// The merchant's id.
        id: String,
    }

    /// The ids of a merchant's people, and their sealed secrets.
    SealedPeople -> Vec<(String, String)> {
        /// The merchant's id.
        id: String,
    }

    /// Replaces the sealed form of a person's secrets, after a change of the master
    /// key. Whether they still are those.
    ResealPerson -> bool {
        /// The merchant's id.
        id: String,
        /// The person's id.
        person: String,
        /// The secrets before and after.
        secrets: [String; 2],
    }

    /// To the shard of the login: whether a sign-in may be tried. It counts as a
    /// wrong one until [`Recognised`].
    TrySignIn -> bool {
        /// The login, whether or not a person has it.
        login: String,
        /// A browser that the person has used before; else empty.
        browser: String,
        /// Whether a code of the second factor is tried, which has a limit of its own.
        #[serde(default, skip_serializing_if = "core::ops::Not::not")]
        code: bool,
    }

    /// To the shard of the login: the sign-in was not a wrong one.
    Recognised -> () {
        /// The login.
        login: String,
        /// As in [`TrySignIn`].
        browser: String,
        /// As in [`TrySignIn`].
        #[serde(default, skip_serializing_if = "core::ops::Not::not")]
        code: bool,
    }
}

/// A browser's new session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewSession {
    /// The fingerprint of its cookie.
    pub fingerprint: String,
    /// The browser's User-Agent, shortened.
    pub browser: String,
}

/// A person, with secrets that only an isolate can open.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredPerson {
    /// The person.
    pub person: Person,
    /// See [`Secrets`](crate::merchants::people::Secrets).
    pub sealed: String,
}

/// An invitation, and the person whom it names.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Invited {
    /// The invitation.
    pub invitation: Invitation,
    /// The person who sets a new password by it.
    pub person: Option<Person>,
}

/// What others may change of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonSettings {
    /// See [`Person::name`].
    pub name: String,
    /// See [`Person::role`].
    pub role: Role,
    /// See [`Person::refund_limit`].
    pub refund_limit: Option<i64>,
    /// See [`Person::is_off`].
    pub is_off: bool,
}

impl PersonSettings {
    /// The settings that a person has.
    pub fn of(person: &Person) -> Self {
        Self {
            name: person.name.clone(),
            role: person.role,
            refund_limit: person.refund_limit,
            is_off: person.is_off,
        }
    }
}

/// A merchant's people, in the order in which they joined, and its invitations,
/// newest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StaffFacts {
    /// The people.
    pub people: Vec<Person>,
    /// The invitations.
    pub invitations: Vec<Invitation>,
}

/// Whether an invitation was made.
#[derive(Debug)]
pub enum NewInvitation {
    /// It is.
    Done,
    /// The merchant has as many people and invitations as it may have.
    Full,
    /// The person whom it names does not exist.
    NotFound,
    /// Who asks may not invite any more.
    Refused,
}

/// Whether a person has joined.
#[derive(Debug)]
pub enum Joined {
    /// The person has.
    Done,
    /// The invitation is used, withdrawn or expired.
    Gone,
    /// Another person of the merchant has the login.
    LoginTaken,
    /// Another person of the merchant has the name.
    NameTaken,
}

/// Whether a person was changed or removed.
#[derive(Debug)]
pub enum Changed {
    /// The person as it is now, or was.
    Done(Box<Person>),
    /// No such person.
    NotFound,
    /// The merchant would have no owner who can sign in.
    LastOwner,
    /// Who asks may not change people any more.
    Refused,
    /// Another person of the merchant has the name.
    NameTaken,
}

/// How many wrong attempts are allowed at once, and how long apart afterwards, ms.
fn wrong_limit(code: bool) -> (i64, i64) {
    match code {
        true => (WRONG_CODES_AT_ONCE, WRONG_CODES_APART_MS),
        false => (WRONG_AT_ONCE, WRONG_APART_MS),
    }
}

/// The name under which attempts are counted. No login has a space.
fn counted_as(login: &str, code: bool) -> String {
    [login, if code { " code" } else { "" }].concat()
}

impl<R: Runtime, S: Storage> Registry<R, S> {
    /// Executes a command about people.
    pub(super) fn of_people(&self, call: PeopleCall) -> Result<Answer, StorageError> {
        let storage = &self.storage;
        Ok(match call {
            PeopleCall::Invite(invite) => {
                storage.atomically(|| self.invite(&invite))?.into_answer()
            }
            PeopleCall::FindInvitation(find) => self.find_invitation(&find)?.into_answer(),
            PeopleCall::Withdraw(Withdraw { id, invitation, by }) => storage
                .atomically(|| {
                    let withdrawn = self.may_manage(&id, by.as_deref())?
                        && store::people::withdraw(storage, &id, &invitation)?;
                    if withdrawn {
                        self.audit(&id, &format!("invitation {invitation} withdrawn"), "")?;
                    }
                    Ok::<_, StorageError>(withdrawn)
                })?
                .into_answer(),
            PeopleCall::Join(join) => storage.atomically(|| self.join(&join))?.into_answer(),
            PeopleCall::SetAnew(set) => storage.atomically(|| self.set_anew(&set))?.into_answer(),
            PeopleCall::FindPerson(FindPerson { id, login }) => {
                let found = store::people::by_login(storage, &id, &login)?;
                found.map(Box::new).into_answer()
            }
            PeopleCall::StartSession(start) => storage
                .atomically(|| self.start_session(&start))?
                .into_answer(),
            PeopleCall::BySession(BySession { id, fingerprint }) => {
                self.by_session(&id, &fingerprint)?.into_answer()
            }
            PeopleCall::Sessions(Sessions { person, .. }) => {
                self.valid_sessions(&person)?.into_answer()
            }
            PeopleCall::EndSessions(end) => storage
                .atomically(|| self.end_sessions(&end))?
                .into_answer(),
            PeopleCall::ChangeSecrets(change) => storage
                .atomically(|| self.change_secrets(&change))?
                .into_answer(),
            PeopleCall::Staff(Staff { id }) => {
                let now_ms = self.runtime.now_ms();
                let staff = StaffFacts {
                    people: store::people::list(storage, &id)?,
                    invitations: store::people::invitations(storage, &id, now_ms)?,
                };
                Box::new(staff).into_answer()
            }
            PeopleCall::ChangePerson(change) => storage
                .atomically(|| self.change_person(&change))?
                .into_answer(),
            PeopleCall::RemovePerson(remove) => storage
                .atomically(|| self.remove_person(&remove))?
                .into_answer(),
            PeopleCall::PeopleNames(PeopleNames { id }) => {
                store::people::names(storage, &id)?.into_answer()
            }
            PeopleCall::SealedPeople(SealedPeople { id }) => {
                store::people::secrets(storage, &id)?.into_answer()
            }
            PeopleCall::ResealPerson(reseal) => {
                let of = (reseal.id.as_str(), reseal.person.as_str());
                store::people::set_secrets(storage, of, &reseal.secrets)?.into_answer()
            }
            PeopleCall::TrySignIn(attempt) => storage
                .atomically(|| self.try_sign_in(&attempt))?
                .into_answer(),
            PeopleCall::Recognised(recognised) => storage
                .atomically(|| self.recognised(&recognised))?
                .into_answer(),
        })
    }

    /// Whether who asks may manage the merchant's people at this moment: a session is
    /// remembered for some seconds after its person was removed or lost the role, and
    /// what is made here would outlive it.
    fn may_manage(&self, id: &str, by: Option<&str>) -> Result<bool, StorageError> {
        let Some(by) = by else {
            return Ok(true);
        };
        let person = store::people::by_id(&self.storage, id, by)?;
        Ok(person.is_some_and(|person| manages(&person)))
    }

    /// Removes the links that a person has made who does not manage people any more,
    /// inside a transaction: they would give back what was taken.
    fn end_links_by(&self, id: &str, person: &str) -> Result<(), StorageError> {
        let maker = Actor::Person(person.to_owned()).to_string();
        for link in store::people::remove_links_by(&self.storage, id, &maker)? {
            let what = format!("invitation {} of person {person} ended", short(&link));
            self.audit(id, &what, "")?;
        }
        Ok(())
    }

    /// Inside a transaction.
    fn invite(&self, invite: &Invite) -> Result<NewInvitation, StorageError> {
        let (storage, now_ms) = (&self.storage, self.runtime.now_ms());
        let Invite {
            id,
            fingerprint,
            invitation,
            by,
        } = invite;
        if !self.may_manage(id, by.as_deref())? {
            return Ok(NewInvitation::Refused);
        }
        store::people::remove_expired_invitations(storage, now_ms)?;
        let until_ms = invitation.expires_at_ms;
        let made = short(fingerprint);
        let what = match &invitation.person {
            None if store::people::count(storage, id)? >= MAX_PEOPLE => {
                return Ok(NewInvitation::Full);
            }
            None => {
                let role = invitation.role.name();
                format!("invitation {made} of a person as {role} made, until {until_ms}")
            }
            Some(person) => {
                if store::people::by_id(storage, id, person)?.is_none() {
                    return Ok(NewInvitation::NotFound);
                }
                store::people::remove_links_of(storage, id, person)?;
                format!("link {made} to a new password of person {person} made, until {until_ms}")
            }
        };
        let name = invitation.name.as_ref();
        let text = name.map_or_else(String::new, |name| format!(", for {name}"));
        audit::add_with_text(&self.runtime, storage, id, &what, &text, "")?;
        store::people::insert_invitation(storage, id, fingerprint, invitation)?;
        Ok(NewInvitation::Done)
    }

    fn find_invitation(&self, find: &FindInvitation) -> Result<Option<Box<Invited>>, StorageError> {
        let (storage, now_ms) = (&self.storage, self.runtime.now_ms());
        let FindInvitation { id, fingerprint } = find;
        let found = store::people::find_invitation(storage, id, fingerprint, now_ms)?;
        let Some(invitation) = found else {
            return Ok(None);
        };
        let person = match &invitation.person {
            Some(person) => store::people::by_id(storage, id, person)?,
            None => None,
        };
        // A person who was removed meanwhile sets no password.
        let is_open = invitation.person.is_some() == person.is_some();
        Ok(is_open.then(|| Box::new(Invited { invitation, person })))
    }

    /// Whether another person of the merchant has this name. Two with one name could not be
    /// told apart in lists and in the audit.
    fn is_name_taken(&self, id: &str, person: &str, name: &str) -> Result<bool, StorageError> {
        let people = store::people::list(&self.storage, id)?;
        let mut others = people.iter().filter(|other| other.id != person);
        Ok(others.any(|other| is_same_name(&other.name, name)))
    }

    /// Inside a transaction.
    fn join(&self, join: &Join) -> Result<Joined, StorageError> {
        let (storage, now_ms) = (&self.storage, self.runtime.now_ms());
        let Join {
            id,
            invitation,
            person,
            login,
            name,
            sealed,
            session,
        } = join;
        let found = store::people::find_invitation(storage, id, invitation, now_ms)?;
        let Some(found) = found.filter(|found| found.person.is_none()) else {
            return Ok(Joined::Gone);
        };
        if store::people::by_login(storage, id, login)?.is_some() {
            return Ok(Joined::LoginTaken);
        }
        if self.is_name_taken(id, person, name)? {
            return Ok(Joined::NameTaken);
        }
        let new = Person {
            id: person.clone(),
            login: login.clone(),
            name: name.clone(),
            role: found.role,
            refund_limit: found.refund_limit,
            has_totp: false,
            codes_left: 0,
            is_off: false,
            made_at_ms: now_ms,
            signed_in_at_ms: None,
        };
        let what = format!(
            "person {person} joined as {} by invitation {}",
            new.role.name(),
            found.id
        );
        let text = format!(", {name}, login {login}");
        audit::add_with_text(&self.runtime, storage, id, &what, &text, "")?;
        store::people::insert(storage, id, &new, sealed)?;
        store::people::remove_invitation(storage, invitation)?;
        self.sign_in(id, person, session)?;
        Ok(Joined::Done)
    }

    /// Inside a transaction.
    fn set_anew(&self, set: &SetAnew) -> Result<bool, StorageError> {
        let (storage, now_ms) = (&self.storage, self.runtime.now_ms());
        let SetAnew {
            id,
            invitation,
            person,
            sealed,
            session,
        } = set;
        let found = store::people::find_invitation(storage, id, invitation, now_ms)?;
        let Some(found) = found.filter(|found| found.person.as_ref() == Some(person)) else {
            return Ok(false);
        };
        let Some(known) = store::people::by_id(storage, id, person)? else {
            return Ok(false);
        };
        let Some(stored) = store::people::by_login(storage, id, &known.login)? else {
            return Ok(false);
        };
        let what = format!(
            "person {person} has set a new password by link {}; the second factor ended",
            found.id
        );
        self.audit(id, &what, "")?;
        let secrets = [stored.sealed, sealed.clone()];
        store::people::set_secrets(storage, (id, person), &secrets)?;
        store::people::set_factor(storage, person, false, 0)?;
        store::people::remove_invitation(storage, invitation)?;
        store::people::remove_sessions(storage, person, None, None)?;
        // A person who is off stays off: the link sets a password and no right.
        if !known.is_off {
            self.sign_in(id, person, session)?;
        }
        Ok(true)
    }

    /// Inside a transaction.
    fn start_session(&self, start: &StartSession) -> Result<bool, StorageError> {
        let storage = &self.storage;
        let StartSession {
            id,
            person,
            secrets,
            codes_left,
            step,
            session,
        } = start;
        let Some(known) = store::people::by_id(storage, id, person)?.filter(|known| !known.is_off)
        else {
            return Ok(false);
        };
        if !self.replace_secrets((id, person), secrets, *step)? {
            return Ok(false);
        }
        store::people::set_factor(storage, person, known.has_totp, *codes_left)?;
        let what = match *codes_left < known.codes_left {
            true => format!("person {person} signed in with a recovery code, {codes_left} left"),
            false => format!("person {person} signed in"),
        };
        self.audit(id, &what, "")?;
        self.sign_in(id, person, session)?;
        Ok(true)
    }

    /// Writes a session, inside a transaction.
    fn sign_in(&self, id: &str, person: &str, session: &NewSession) -> Result<(), StorageError> {
        let (storage, now_ms) = (&self.storage, self.runtime.now_ms());
        store::people::remove_old_sessions(storage, now_ms - IDLE_MS)?;
        store::people::set_signed_in(storage, person, now_ms)?;
        let NewSession {
            fingerprint,
            browser,
        } = session;
        store::people::insert_session(storage, (id, person), fingerprint, browser, now_ms)
    }

    /// Replaces secrets and uses up a code, inside a transaction. A code is used up
    /// also where the secrets are others by now.
    fn replace_secrets(
        &self,
        (id, person): (&str, &str),
        secrets: &[String; 2],
        step: Option<i64>,
    ) -> Result<bool, StorageError> {
        let storage = &self.storage;
        if let Some(step) = step
            && !store::people::set_step(storage, person, step)?
        {
            return Ok(false);
        }
        store::people::set_secrets(storage, (id, person), secrets)
    }

    fn by_session(&self, id: &str, fingerprint: &str) -> Result<Option<Box<Found>>, StorageError> {
        let (storage, now_ms) = (&self.storage, self.runtime.now_ms());
        let Some((mut session, person)) = store::people::find_session(storage, id, fingerprint)?
        else {
            return Ok(None);
        };
        let person = store::people::by_id(storage, id, &person)?;
        let Some(person) = person.filter(|person| !person.is_off) else {
            return Ok(None);
        };
        if session.ends_at_ms() <= now_ms {
            return Ok(None);
        }
        // A clock that was set back does not keep a later time for ever.
        let used_at_ms = session.used_at_ms;
        if !(used_at_ms..used_at_ms + USED_APART_MS).contains(&now_ms) {
            store::people::set_session_used(storage, fingerprint, now_ms)?;
            session.used_at_ms = now_ms;
        }
        let mut found = self.by_id(id)?;
        if let Some(found) = &mut found {
            found.signed_in = Some(SignedIn { person, session });
        }
        Ok(found)
    }

    fn valid_sessions(&self, person: &str) -> Result<Vec<Session>, StorageError> {
        let now_ms = self.runtime.now_ms();
        let mut sessions = store::people::sessions(&self.storage, person)?;
        sessions.retain(|session| now_ms < session.ends_at_ms());
        Ok(sessions)
    }

    /// Inside a transaction.
    fn end_sessions(&self, end: &EndSessions) -> Result<i64, StorageError> {
        let EndSessions {
            id,
            person,
            only,
            but,
        } = end;
        let (only, but) = (only.as_deref(), but.as_deref());
        let ended = store::people::remove_sessions(&self.storage, person, only, but)?;
        for fingerprint in &ended {
            let what = format!("session {} of person {person} ended", short(fingerprint));
            self.audit(id, &what, "")?;
        }
        Ok(i64::try_from(ended.len()).unwrap_or(i64::MAX))
    }

    /// Inside a transaction.
    fn change_secrets(&self, change: &ChangeSecrets) -> Result<bool, StorageError> {
        let storage = &self.storage;
        let ChangeSecrets {
            id,
            person,
            secrets,
            factor: (has_totp, codes_left),
            step,
            what,
            session,
        } = change;
        if !self.replace_secrets((id, person), secrets, *step)? {
            return Ok(false);
        }
        store::people::set_factor(storage, person, *has_totp, *codes_left)?;
        if !what.is_empty() {
            self.audit(id, &format!("person {person}: {what}"), "")?;
        }
        if let Some(session) = session {
            store::people::remove_sessions(storage, person, None, None)?;
            // A link to a new password would undo the change.
            store::people::remove_links_of(storage, id, person)?;
            self.sign_in(id, person, session)?;
        }
        Ok(true)
    }

    /// Inside a transaction.
    fn change_person(&self, change: &ChangePerson) -> Result<Changed, StorageError> {
        let storage = &self.storage;
        let ChangePerson {
            id,
            person,
            settings,
            by,
        } = change;
        if !self.may_manage(id, by.as_deref())? {
            return Ok(Changed::Refused);
        }
        let Some(before) = store::people::by_id(storage, id, person)? else {
            return Ok(Changed::NotFound);
        };
        let was = PersonSettings::of(&before);
        let stays_owner = settings.role == Role::Owner && !settings.is_off;
        if is_owner(&was) && !stays_owner && !store::people::has_other_owner(storage, id, person)? {
            return Ok(Changed::LastOwner);
        }
        let limit = |limit: Option<i64>| limit.map_or("none".to_owned(), |limit| limit.to_string());
        let mut changes = Vec::new();
        if was.role != settings.role {
            let (from, to) = (was.role.name(), settings.role.name());
            changes.push(format!("role {from} to {to}"));
        }
        if was.refund_limit != settings.refund_limit {
            let (from, to) = (limit(was.refund_limit), limit(settings.refund_limit));
            changes.push(format!("refund limit {from} to {to}"));
        }
        if was.is_off != settings.is_off {
            let what = if settings.is_off { "off" } else { "on" };
            changes.push(format!("switched {what}"));
        }
        let is_renamed = was.name != settings.name;
        if is_renamed {
            if self.is_name_taken(id, person, &settings.name)? {
                return Ok(Changed::NameTaken);
            }
            changes.push("name".to_owned());
        }
        if changes.is_empty() {
            return Ok(Changed::Done(Box::new(before)));
        }
        let what = format!("person {person}: {}", changes.join(", "));
        let text = match is_renamed {
            true => format!(" {} to {}", was.name, settings.name),
            false => String::new(),
        };
        audit::add_with_text(&self.runtime, storage, id, &what, &text, "")?;
        store::people::change(storage, person, settings)?;
        if settings.is_off {
            store::people::remove_sessions(storage, person, None, None)?;
        }
        let after = store::people::by_id(storage, id, person)?;
        if after.as_ref().is_none_or(|after| !manages(after)) {
            self.end_links_by(id, person)?;
        }
        Ok(after.map_or(Changed::NotFound, |after| Changed::Done(Box::new(after))))
    }

    /// Inside a transaction.
    fn remove_person(&self, remove: &RemovePerson) -> Result<Changed, StorageError> {
        let (storage, now_ms) = (&self.storage, self.runtime.now_ms());
        let RemovePerson { id, person, by } = remove;
        if !self.may_manage(id, by.as_deref())? {
            return Ok(Changed::Refused);
        }
        let Some(before) = store::people::by_id(storage, id, person)? else {
            return Ok(Changed::NotFound);
        };
        if is_owner(&PersonSettings::of(&before))
            && !store::people::has_other_owner(storage, id, person)?
        {
            return Ok(Changed::LastOwner);
        }
        let what = format!("person {person} removed, {}", before.role.name());
        let text = format!(", {}, login {}", before.name, before.login);
        audit::add_with_text(&self.runtime, storage, id, &what, &text, "")?;
        store::people::remove(storage, person, now_ms)?;
        store::people::remove_sessions(storage, person, None, None)?;
        store::people::remove_links_of(storage, id, person)?;
        self.end_links_by(id, person)?;
        Ok(Changed::Done(Box::new(before)))
    }

    /// Inside a transaction.
    fn try_sign_in(&self, attempt: &TrySignIn) -> Result<bool, StorageError> {
        let (storage, now_ms) = (&self.storage, self.runtime.now_ms());
        let (login, browser) = (&counted_as(&attempt.login, attempt.code), &attempt.browser);
        let (at_once, apart_ms) = wrong_limit(attempt.code);
        store::people::remove_past_sign_ins(storage, now_ms)?;
        let until_ms = store::people::full_until_ms(storage, login, browser)?.unwrap_or(now_ms);
        // After a clock was set back the pause is not longer than usual.
        let most_ms = now_ms + at_once * apart_ms;
        let next_ms = until_ms.min(most_ms) + apart_ms;
        if next_ms > most_ms {
            return Ok(false);
        }
        store::people::set_full_until(storage, login, browser, next_ms)?;
        Ok(true)
    }

    /// Inside a transaction.
    fn recognised(&self, recognised: &Recognised) -> Result<(), StorageError> {
        let storage = &self.storage;
        let code = recognised.code;
        let (login, browser) = (&counted_as(&recognised.login, code), &recognised.browser);
        let (_, apart_ms) = wrong_limit(code);
        match store::people::full_until_ms(storage, login, browser)? {
            Some(until_ms) => {
                let before_ms = until_ms - apart_ms;
                store::people::set_full_until(storage, login, browser, before_ms)
            }
            None => Ok(()),
        }
    }
}

/// Whether a person may invite, change and remove people.
fn manages(person: &Person) -> bool {
    let right = Right::People;
    !person.is_off && person.is_granted(right) && !person.is_withheld(right)
}

fn is_owner(settings: &PersonSettings) -> bool {
    settings.role == Role::Owner && !settings.is_off
}

replies! {
    Vec<Session> = Sessions;
    Vec<(String, String)> = Pairs;
    Box<StaffFacts> = Staff;
    i64 = Count;
}

/// Replies of which there is one or none.
macro_rules! found {
    ($($reply:ty = $answer:ident;)*) => {
        $(impl Reply for Option<Box<$reply>> {
            fn into_answer(self) -> Answer {
                self.map_or(Answer::NotFound, Answer::$answer)
            }

            fn read(answer: Answer) -> Option<Self> {
                match answer {
                    Answer::$answer(found) => Some(Some(found)),
                    Answer::NotFound => Some(None),
                    _ => None,
                }
            }
        })*
    };
}

found! {
    Invited = Invited;
    StoredPerson = StoredPerson;
}

impl Reply for NewInvitation {
    fn into_answer(self) -> Answer {
        match self {
            Self::Done => Answer::Done,
            Self::Full => Answer::Full,
            Self::NotFound => Answer::NotFound,
            Self::Refused => Answer::NotAllowed,
        }
    }

    fn read(answer: Answer) -> Option<Self> {
        match answer {
            Answer::Done => Some(Self::Done),
            Answer::Full => Some(Self::Full),
            Answer::NotFound => Some(Self::NotFound),
            Answer::NotAllowed => Some(Self::Refused),
            _ => None,
        }
    }
}

impl Reply for Joined {
    fn into_answer(self) -> Answer {
        match self {
            Self::Done => Answer::Done,
            Self::Gone => Answer::NotFound,
            Self::LoginTaken => Answer::Exists,
            Self::NameTaken => Answer::NameTaken,
        }
    }

    fn read(answer: Answer) -> Option<Self> {
        match answer {
            Answer::Done => Some(Self::Done),
            Answer::NotFound => Some(Self::Gone),
            Answer::Exists => Some(Self::LoginTaken),
            Answer::NameTaken => Some(Self::NameTaken),
            _ => None,
        }
    }
}

impl Reply for Changed {
    fn into_answer(self) -> Answer {
        match self {
            Self::Done(person) => Answer::Person(person),
            Self::NotFound => Answer::NotFound,
            Self::LastOwner => Answer::LastOwner,
            Self::Refused => Answer::NotAllowed,
            Self::NameTaken => Answer::NameTaken,
        }
    }

    fn read(answer: Answer) -> Option<Self> {
        match answer {
            Answer::Person(person) => Some(Self::Done(person)),
            Answer::NotFound => Some(Self::NotFound),
            Answer::LastOwner => Some(Self::LastOwner),
            Answer::NotAllowed => Some(Self::Refused),
            Answer::NameTaken => Some(Self::NameTaken),
            _ => None,
        }
    }
}
