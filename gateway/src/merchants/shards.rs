//! Which of the registry's objects a call goes to.
//!
//! A lookup by a merchant's id needs one call, any other lookup two: a pointer
//! in the shard of that name, then the merchant's own shard, which decides. A
//! change in several shards is written in an order in which a crash may
//! interrupt it anywhere: pointers first, then the merchant's row, in one
//! transaction, which makes them valid. Repeating the call completes it.

use crate::http::error::{ApiError, Code};
use crate::merchants::people::Session;
use crate::merchants::registry::command::{
    Accounts, AddNamedKey, AddToken, Audit, ByApiKey, ById, ByNamedKey, ByQuickAuth, BySubMerchant,
    ByToken, Change, Claim, Create, DomainFile, EndToken, Export, FindKept, Import,
    KeepCertificates, KeptAnswer, List, NamedKeys, NewKey, NewToken, Pointers, Reply, Reseal,
    Retire, Retired, RevokeNamedKey, RevokeToken, Rotate, SameAccount, Saved, Sealed, Share,
    Tokens, Transfer, Unpoint,
};
use crate::merchants::registry::people::{
    BySession, ChangePerson, ChangeSecrets, Changed, EndSessions, FindInvitation, FindPerson,
    Invite, Invited, Join, Joined, NewInvitation, PeopleNames, Recognised, RemovePerson,
    ResealPerson, SealedPeople, Sessions, SetAnew, Staff, StaffFacts, StartSession, StoredPerson,
    TrySignIn, Withdraw,
};
use crate::merchants::registry::{
    Answer, CLAIM_MS, Call, Command, Envelope, Found, Kind, NamedKey, Pointer, TokenFacts,
    account_name, sub_merchant_name,
};
use crate::observe::{RequestContext, audit};
use crate::runtime::{Object, Runtime, Shard};
use crate::transfer::Outcome;

/// The most merchants with one account in an answer.
const NAMED: usize = 10;

/// A command that may be sent from outside of the registry.
pub(crate) trait Ask: Command {
    /// Sends the command to the objects that it concerns.
    async fn ask(self, runtime: &impl Runtime) -> Result<Self::Reply, ApiError>;
}

/// One command to the registry, sent to the objects that it concerns.
pub(crate) async fn ask<C: Ask>(runtime: &impl Runtime, command: C) -> Result<C::Reply, ApiError> {
    command.ask(runtime).await
}

/// Commands that the shard of their merchant's id executes.
macro_rules! by_merchant {
    ($($command:ident -> $reply:ty;)*) => {
        $(impl Ask for $command {
            async fn ask(self, runtime: &impl Runtime) -> Result<$reply, ApiError> {
                in_shard(runtime, Shard::of(&self.id), None, &self).await
            }
        })*
    };
}

by_merchant! {
    ById -> Option<Box<Found>>;
    KeepCertificates -> ();
    Tokens -> Vec<TokenFacts>;
    EndToken -> bool;
    RevokeToken -> bool;
    NamedKeys -> Vec<NamedKey>;
    RevokeNamedKey -> bool;
    FindKept -> KeptAnswer;
    Reseal -> Sealed;
    Invite -> NewInvitation;
    FindInvitation -> Option<Box<Invited>>;
    Withdraw -> bool;
    SetAnew -> bool;
    FindPerson -> Option<Box<StoredPerson>>;
    StartSession -> bool;
    BySession -> Option<Box<Found>>;
    Sessions -> Vec<Session>;
    EndSessions -> i64;
    ChangeSecrets -> bool;
    Staff -> Box<StaffFacts>;
    ChangePerson -> Changed;
    PeopleNames -> Vec<(String, String)>;
    SealedPeople -> Vec<(String, String)>;
    ResealPerson -> bool;
}

/// Commands that the shard of a login executes.
macro_rules! by_login {
    ($($command:ident -> $reply:ty;)*) => {
        $(impl Ask for $command {
            async fn ask(self, runtime: &impl Runtime) -> Result<$reply, ApiError> {
                in_shard(runtime, Shard::of(&self.login), None, &self).await
            }
        })*
    };
}

by_login! {
    TrySignIn -> bool;
    Recognised -> ();
}

/// Commands that name their shard.
macro_rules! by_shard {
    ($($command:ident -> $reply:ty;)*) => {
        $(impl Ask for $command {
            async fn ask(self, runtime: &impl Runtime) -> Result<$reply, ApiError> {
                in_shard(runtime, self.shard, None, &self).await
            }
        })*
    };
}

by_shard! {
    Transfer -> Box<Outcome>;
    Accounts -> Vec<(String, String)>;
}

impl Ask for Audit {
    async fn ask(self, runtime: &impl Runtime) -> Result<Vec<audit::Entry>, ApiError> {
        let id = self.0.subject.as_deref().unwrap_or_default();
        in_shard(runtime, Shard::of(id), None, &self).await
    }
}

/// Lookups by another name than the merchant's id.
macro_rules! by_name {
    ($($command:ident -> $found:ty: $kind:ident, $name:ident;)*) => {
        $(impl Ask for $command {
            async fn ask(self, runtime: &impl Runtime) -> Result<Option<$found>, ApiError> {
                find(runtime, Kind::$kind, &self.$name, &self).await
            }
        })*
    };
}

by_name! {
    ByApiKey -> Box<Found>: ApiKey, fingerprint;
    ByToken -> Box<Found>: Token, fingerprint;
    ByNamedKey -> Box<Found>: NamedKey, fingerprint;
    ByQuickAuth -> Box<Found>: QuickAuth, token;
    DomainFile -> String: DomainFile, name;
}

impl Ask for BySubMerchant {
    async fn ask(self, runtime: &impl Runtime) -> Result<Option<Box<Found>>, ApiError> {
        let name = sub_merchant_name(&self.mch_id, &self.sub_mch_id);
        find(runtime, Kind::SubMerchant, &name, &self).await
    }
}

impl Ask for SameAccount {
    async fn ask(self, runtime: &impl Runtime) -> Result<Vec<String>, ApiError> {
        let Self {
            mch_id,
            sub_mch_id,
            appid,
        } = self;
        let mut ids = Vec::new();
        let name = account_name(&mch_id, sub_mch_id.as_deref(), &appid);
        for pointer in pointers(runtime, Kind::Account, &name).await? {
            let id = pointer.merchant_id;
            if let Some(found) = by_id(runtime, &id).await?
                && found.merchant.account.mch_id == mch_id
                && found.merchant.account.sub_mch_id == sub_mch_id
                && found.merchant.account.appid == appid
            {
                ids.push(id);
            }
        }
        ids.sort();
        ids.truncate(NAMED);
        Ok(ids)
    }
}

/// The merchants' ids, shard by shard and within a shard in order: an id says
/// how far a reader has come.
impl Ask for List {
    async fn ask(self, runtime: &impl Runtime) -> Result<Vec<String>, ApiError> {
        let Self { mut after, limit } = self;
        let first = (!after.is_empty()).then(|| Shard::of(&after));
        let mut ids = Vec::new();
        for shard in Shard::all().skip_while(|shard| first.is_some_and(|first| *shard < first)) {
            let room = limit - i64::try_from(ids.len()).unwrap_or(limit);
            if room <= 0 {
                break;
            }
            let list = Self { after, limit: room };
            ids.extend(in_shard(runtime, shard, None, &list).await?);
            after = String::new();
        }
        Ok(ids)
    }
}

impl Ask for Create {
    async fn ask(self, runtime: &impl Runtime) -> Result<Saved, ApiError> {
        let merchant = &*self.merchant;
        let id = merchant.id.as_str();
        // A refused call need not leave pointers behind.
        if by_id(runtime, id).await?.is_some() {
            return Ok(Saved::Conflict);
        }
        let not_after_ms = runtime.now_ms() + CLAIM_MS;
        if let Some(file) = claim_files(runtime, Pointer::of_files(merchant, None)).await? {
            return Ok(Saved::FileTaken(file));
        }
        let mut pointers = vec![
            Pointer::only(Kind::ApiKey, &self.keys.fingerprint, id),
            Pointer::only(Kind::QuickAuth, &merchant.quick_auth_token, id),
        ];
        pointers.extend(Pointer::of_account(
            id,
            &merchant.account,
            &merchant.dialect,
        ));
        for pointer in pointers {
            claim(runtime, pointer).await?;
        }
        in_shard(runtime, Shard::of(id), Some(not_after_ms), &self).await
    }
}

impl Ask for Change {
    async fn ask(self, runtime: &impl Runtime) -> Result<Saved, ApiError> {
        let (before, after) = (&*self.before, &*self.after);
        // Looked up before the change, so that a claim which follows the change is
        // not removed with them.
        let mut left = Vec::new();
        for given_up in Pointer::of_files(before, Some(after)) {
            let held = pointers(runtime, Kind::DomainFile, &given_up.name).await?;
            left.extend(held.into_iter().filter(|held| held.is_like(&given_up)));
        }
        let not_after_ms = runtime.now_ms() + CLAIM_MS;
        let claims = Pointer::of_files(after, Some(before));
        if let Some(file) = claim_files(runtime, claims).await? {
            return Ok(Saved::FileTaken(file));
        }
        if after.account != before.account {
            for pointer in Pointer::of_account(&after.id, &after.account, &after.dialect) {
                claim(runtime, pointer).await?;
            }
        }
        let shard = Shard::of(&after.id);
        let saved = in_shard(runtime, shard, Some(not_after_ms), &self).await?;
        if matches!(saved, Saved::Done) {
            for pointer in left {
                unpoint(runtime, pointer).await;
            }
        }
        Ok(saved)
    }
}

impl Ask for Rotate {
    async fn ask(self, runtime: &impl Runtime) -> Result<Sealed, ApiError> {
        let not_after_ms = runtime.now_ms() + CLAIM_MS;
        let pointer = Pointer::only(Kind::ApiKey, &self.keys.fingerprint, &self.id);
        claim(runtime, pointer).await?;
        in_shard(runtime, Shard::of(&self.id), Some(not_after_ms), &self).await
    }
}

impl Ask for AddToken {
    async fn ask(self, runtime: &impl Runtime) -> Result<NewToken, ApiError> {
        let not_after_ms = runtime.now_ms() + CLAIM_MS;
        let pointer = Pointer {
            until_ms: Some(self.expires_at_ms),
            ..Pointer::only(Kind::Token, &self.fingerprint, &self.id)
        };
        claim(runtime, pointer.clone()).await?;
        let shard = Shard::of(&self.id);
        let added = in_shard(runtime, shard, Some(not_after_ms), &self).await?;
        if !matches!(added, NewToken::Issued(_)) {
            unpoint(runtime, pointer).await;
        }
        Ok(added)
    }
}

impl Ask for AddNamedKey {
    async fn ask(self, runtime: &impl Runtime) -> Result<NewKey, ApiError> {
        let not_after_ms = runtime.now_ms() + CLAIM_MS;
        let pointer = Pointer {
            until_ms: self.key.expires_at_ms,
            ..Pointer::only(Kind::NamedKey, &self.fingerprint, &self.id)
        };
        claim(runtime, pointer.clone()).await?;
        let shard = Shard::of(&self.id);
        let added = in_shard(runtime, shard, Some(not_after_ms), &self).await?;
        if !matches!(added, NewKey::Made(_)) {
            unpoint(runtime, pointer).await;
        }
        Ok(added)
    }
}

/// Removes a pointer without a target. One that stays is replaced by the next claim.
async fn unpoint(runtime: &impl Runtime, pointer: Pointer) {
    let shard = pointer.shard();
    if let Err(error) = in_shard(runtime, shard, None, &Unpoint(pointer)).await {
        error.log_as(runtime, "a pointer was not removed");
    }
}

/// A login is claimed before the person's row is written, as a domain check file's
/// name is: two merchants must not both have it.
impl Ask for Join {
    async fn ask(self, runtime: &impl Runtime) -> Result<Joined, ApiError> {
        let not_after_ms = runtime.now_ms() + CLAIM_MS;
        let pointer = Pointer::only(Kind::Login, &self.login, &self.id);
        if !claim_login(runtime, &pointer).await? {
            return Ok(Joined::LoginTaken);
        }
        in_shard(runtime, Shard::of(&self.id), Some(not_after_ms), &self).await
    }
}

/// The login of a person who was removed is free for another merchant's people.
impl Ask for RemovePerson {
    async fn ask(self, runtime: &impl Runtime) -> Result<Changed, ApiError> {
        let changed = in_shard(runtime, Shard::of(&self.id), None, &self).await?;
        if let Changed::Done(person) = &changed {
            for pointer in pointers(runtime, Kind::Login, &person.login).await? {
                if pointer.merchant_id == self.id && is_login_left(runtime, &pointer).await? {
                    let shard = pointer.shard();
                    in_shard(runtime, shard, None, &Unpoint(pointer)).await?;
                }
            }
        }
        Ok(changed)
    }
}

/// The merchants that may have a person with this login; a pointer decides nothing.
pub(crate) async fn merchants_of_login(
    runtime: &impl Runtime,
    login: &str,
) -> Result<Vec<String>, ApiError> {
    let pointers = pointers(runtime, Kind::Login, login).await?;
    Ok(pointers.into_iter().map(|at| at.merchant_id).collect())
}

/// Claims a login. Whether no other merchant has a person with it.
async fn claim_login(runtime: &impl Runtime, pointer: &Pointer) -> Result<bool, ApiError> {
    let others = claim_once(runtime, pointer).await?;
    for other in &others {
        if !is_login_left(runtime, other).await? {
            return Ok(false);
        }
        let shard = other.shard();
        in_shard(runtime, shard, None, &Unpoint(other.clone())).await?;
    }
    Ok(others.is_empty() || claim_once(runtime, pointer).await?.is_empty())
}

/// Whether the merchant that once claimed a login has no person with it.
async fn is_login_left(runtime: &impl Runtime, pointer: &Pointer) -> Result<bool, ApiError> {
    if !pointer.is_settled(runtime.now_ms()) {
        return Ok(false);
    }
    let find = FindPerson {
        id: pointer.merchant_id.clone(),
        login: pointer.name.clone(),
    };
    Ok(ask(runtime, find).await?.is_none())
}

async fn by_id(runtime: &impl Runtime, id: &str) -> Result<Option<Box<Found>>, ApiError> {
    ask(runtime, ById { id: id.to_owned() }).await
}

/// Asks the merchants that may have a name, each in its own shard, until one has
/// it.
async fn find<T, C: Command<Reply = Option<T>> + Clone>(
    runtime: &impl Runtime,
    kind: Kind,
    name: &str,
    command: &C,
) -> Result<Option<T>, ApiError> {
    let mut pointers = pointers(runtime, kind, name).await?;
    if kind == Kind::SubMerchant {
        // Of an account that was entered twice, always the same merchant.
        pointers.sort_by(|one, other| one.merchant_id.cmp(&other.merchant_id));
    }
    for pointer in pointers {
        let shard = Shard::of(&pointer.merchant_id);
        if let Some(found) = in_shard(runtime, shard, None, command).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

async fn pointers(
    runtime: &impl Runtime,
    kind: Kind,
    name: &str,
) -> Result<Vec<Pointer>, ApiError> {
    let command = Pointers {
        kind,
        name: name.to_owned(),
    };
    in_shard(runtime, Shard::of(name), None, &command).await
}

/// Claims a pointer, for a row that is written within [`CLAIM_MS`]. A domain
/// check file's is claimed by [`claim_files`].
async fn claim(runtime: &impl Runtime, pointer: Pointer) -> Result<(), ApiError> {
    let others = claim_once(runtime, &pointer).await?;
    match pointer.kind {
        Kind::Account | Kind::SubMerchant => Ok(()),
        Kind::MchId => {
            // A merchant that is not the first to claim the name records itself that it shares the
            // account; the first one gets a call. Both have it recorded before the second one
            // exists.
            if let Some(first) = others.first() {
                for id in [&first.merchant_id, &pointer.merchant_id] {
                    let share = Share { id: id.clone() };
                    in_shard(runtime, Shard::of(id), None, &share).await?;
                }
            }
            Ok(())
        }
        Kind::ApiKey
        | Kind::Token
        | Kind::NamedKey
        | Kind::QuickAuth
        | Kind::Login
        | Kind::DomainFile => {
            match others.is_empty() {
                true => Ok(()),
                // Two random texts were the same.
                false => Err(ApiError::internal("the name is another merchant's")),
            }
        }
    }
}

/// Claims pointers to domain check files. Returns the name of one that another
/// merchant has, where there is one.
async fn claim_files(
    runtime: &impl Runtime,
    pointers: Vec<Pointer>,
) -> Result<Option<String>, ApiError> {
    for pointer in pointers {
        let others = claim_once(runtime, &pointer).await?;
        if others.is_empty() {
            continue;
        }
        for other in others {
            if !is_left_behind(runtime, &other).await? {
                return Ok(Some(pointer.name));
            }
            let shard = other.shard();
            in_shard(runtime, shard, None, &Unpoint(other)).await?;
        }
        if !claim_once(runtime, &pointer).await?.is_empty() {
            return Ok(Some(pointer.name));
        }
    }
    Ok(None)
}

async fn claim_once(runtime: &impl Runtime, pointer: &Pointer) -> Result<Vec<Pointer>, ApiError> {
    in_shard(runtime, pointer.shard(), None, &Claim(pointer.clone())).await
}

/// Whether the merchant that once claimed a file does not have it.
async fn is_left_behind(runtime: &impl Runtime, pointer: &Pointer) -> Result<bool, ApiError> {
    if !pointer.is_settled(runtime.now_ms()) {
        return Ok(false);
    }
    let found = by_id(runtime, &pointer.merchant_id).await?;
    Ok(found.is_none_or(|found| {
        found.merchant.domain_files.0.get(&pointer.name) != Some(&pointer.detail)
    }))
}

/// Sends a command to one shard, which first reads what the registry of an earlier
/// version has for it.
async fn in_shard<C: Command + Clone>(
    runtime: &impl Runtime,
    shard: Shard,
    not_after_ms: Option<i64>,
    command: &C,
) -> Result<C::Reply, ApiError> {
    let object = Object::Shard(shard);
    let to_shard = |not_after_ms, call| Call::Shard {
        not_after_ms,
        call: Box::new(call),
    };
    loop {
        let call = command.clone().into_call();
        let answer = match send(runtime, object, to_shard(not_after_ms, call)).await? {
            Answer::NotImported(cursor) => {
                let export = Export {
                    shard,
                    cursor: cursor.clone(),
                };
                let answer = send(runtime, Object::Registry, export.into_call()).await?;
                if let Some(page) = <Box<_>>::read(answer) {
                    let import = Import { cursor, page }.into_call();
                    reply::<Import>(send(runtime, object, to_shard(None, import)).await?)?;
                    continue;
                }
                ask_earlier(runtime, command.clone().into_call()).await?
            }
            Answer::AtRoot(id) => {
                let retire = Retire { id: id.clone() }.into_call();
                reply::<Retire>(send(runtime, Object::Registry, retire).await?)?;
                let retired = Retired { id }.into_call();
                reply::<Retired>(send(runtime, object, to_shard(None, retired)).await?)?;
                continue;
            }
            answer => answer,
        };
        return reply::<C>(answer);
    }
}

/// Reads from the registry of an earlier version, where that object still runs
/// the earlier version. A shard that has not read it cannot have newer rows of
/// a merchant.
async fn ask_earlier(runtime: &impl Runtime, call: Call) -> Result<Answer, ApiError> {
    let root = Object::Registry;
    let Pointers { kind, name } = match call {
        call @ (Call::ById(_)
        | Call::ByApiKey(_)
        | Call::ByToken(_)
        | Call::ByQuickAuth(_)
        | Call::BySubMerchant(_)
        | Call::DomainFile(_)
        | Call::Tokens(_)
        | Call::Audit(_)) => return send(runtime, root, call).await,
        Call::Pointers(pointers) => pointers,
        _ => return Err(ApiError::internal("the registry is moving: try again")),
    };
    let fingerprint = name.clone();
    let lookup = match kind {
        Kind::ApiKey => ByApiKey { fingerprint }.into_call(),
        Kind::Token => ByToken { fingerprint }.into_call(),
        Kind::QuickAuth => ByQuickAuth { token: fingerprint }.into_call(),
        _ => return Err(ApiError::internal("the registry is moving: try again")),
    };
    let found: Option<Box<Found>> = reply::<ById>(send(runtime, root, lookup).await?)?;
    let pointers: Vec<Pointer> = found
        .iter()
        .map(|found| Pointer::only(kind, &name, &found.merchant.id))
        .collect();
    Ok(pointers.into_answer())
}

async fn send(runtime: &impl Runtime, object: Object<'_>, call: Call) -> Result<Answer, ApiError> {
    let envelope = Envelope {
        request_context: RequestContext::current(),
        call,
    };
    let body = serde_json::to_vec(&envelope).map_err(ApiError::internal)?;
    let answer = runtime.call(object, body).await?;
    match serde_json::from_slice(&answer) {
        Ok(Answer::Disk(fault)) => Err(ApiError::of(fault.into())),
        Ok(answer) => Ok(answer),
        Err(error) => Err(ApiError::unreadable("answer of the registry", &error)),
    }
}

/// The reply in an answer.
fn reply<C: Command>(answer: Answer) -> Result<C::Reply, ApiError> {
    if matches!(answer, Answer::Closed) {
        return Err(ApiError::of(Code::DeploymentClosed));
    }
    C::Reply::read(answer)
        .ok_or_else(|| ApiError::internal("the registry gave another kind of answer"))
}
