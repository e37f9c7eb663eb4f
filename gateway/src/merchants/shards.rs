//! Which of the registry's objects a call goes to.
//!
//! A lookup by a merchant's id needs one call, any other lookup two: a pointer
//! in the shard of that name, then the merchant's own shard, which decides. A
//! change in several shards is written in an order in which a crash may
//! interrupt it anywhere: pointers first, then the merchant's row, in one
//! transaction, which makes them valid. Repeating the call completes it.

use crate::http::error::ApiError;
use crate::merchants::merchant::Merchant;
use crate::merchants::registry::{
    Answer, CLAIM_MS, Call, Envelope, Kind, Pointer, account_name, sub_merchant_name,
};
use crate::observe::RequestContext;
use crate::runtime::{Object, Runtime, Shard};

/// The most merchants with one account in an answer.
const NAMED: usize = 10;

/// One call to the registry, sent to the objects that it concerns.
pub(crate) async fn ask(runtime: &impl Runtime, call: Call) -> Result<Answer, ApiError> {
    match call {
        Call::ById { ref id }
        | Call::KeepCertificates { ref id, .. }
        | Call::Tokens { ref id }
        | Call::EndToken { ref id, .. }
        | Call::RevokeToken { ref id, .. }
        | Call::NamedKeys { ref id }
        | Call::RevokeNamedKey { ref id, .. }
        | Call::Reseal { ref id, .. } => in_shard(runtime, Shard::of(id), None, &call).await,
        Call::Audit(ref page) => {
            let subject = page.subject.as_deref().unwrap_or_default();
            in_shard(runtime, Shard::of(subject), None, &call).await
        }
        Call::ByApiKey { ref fingerprint } => find(runtime, Kind::ApiKey, fingerprint, &call).await,
        Call::ByToken { ref fingerprint } => find(runtime, Kind::Token, fingerprint, &call).await,
        Call::ByNamedKey { ref fingerprint } => {
            find(runtime, Kind::NamedKey, fingerprint, &call).await
        }
        Call::ByQuickAuth { ref token } => find(runtime, Kind::QuickAuth, token, &call).await,
        Call::DomainFile { ref name } => find(runtime, Kind::DomainFile, name, &call).await,
        Call::BySubMerchant {
            ref mch_id,
            ref sub_mch_id,
        } => {
            let name = sub_merchant_name(mch_id, sub_mch_id);
            find(runtime, Kind::SubMerchant, &name, &call).await
        }
        Call::SameAccount {
            mch_id,
            sub_mch_id,
            appid,
        } => same_account(runtime, &mch_id, sub_mch_id.as_deref(), &appid).await,
        Call::List { after, limit } => list(runtime, after, limit).await,
        Call::Create {
            ref merchant,
            ref keys,
            ..
        } => create(runtime, merchant, &keys.fingerprint, &call).await,
        Call::Change {
            ref before,
            ref after,
            ..
        } => change(runtime, before, after, &call).await,
        Call::Rotate {
            ref id, ref keys, ..
        } => {
            let pointer = Pointer::only(Kind::ApiKey, &keys.fingerprint, id);
            claimed(runtime, id, vec![pointer], &call).await
        }
        Call::AddToken {
            ref id,
            ref fingerprint,
            expires_at_ms,
            ..
        } => {
            let pointer = Pointer {
                until_ms: Some(expires_at_ms),
                ..Pointer::only(Kind::Token, fingerprint, id)
            };
            claimed(runtime, id, vec![pointer], &call).await
        }
        Call::AddNamedKey {
            ref id,
            ref fingerprint,
            ref key,
            ..
        } => {
            let pointer = Pointer {
                until_ms: key.expires_at_ms,
                ..Pointer::only(Kind::NamedKey, fingerprint, id)
            };
            claimed(runtime, id, vec![pointer], &call).await
        }
        Call::Shard { .. }
        | Call::Claim(_)
        | Call::Pointers { .. }
        | Call::Unpoint(_)
        | Call::Share { .. }
        | Call::Export { .. }
        | Call::Import { .. }
        | Call::Retire { .. }
        | Call::Retired { .. } => Err(ApiError::internal("the registry decides who asks this")),
    }
}

/// Calls the shards of the merchants that may have a name, until one has it.
async fn find(
    runtime: &impl Runtime,
    kind: Kind,
    name: &str,
    call: &Call,
) -> Result<Answer, ApiError> {
    let mut pointers = pointers(runtime, kind, name).await?;
    if kind == Kind::SubMerchant {
        // For an account that was entered twice, always the same merchant.
        pointers.sort_by(|one, other| one.merchant_id.cmp(&other.merchant_id));
    }
    for pointer in pointers {
        match in_shard(runtime, Shard::of(&pointer.merchant_id), None, call).await? {
            Answer::NotFound => {}
            answer => return Ok(answer),
        }
    }
    Ok(Answer::NotFound)
}

async fn pointers(
    runtime: &impl Runtime,
    kind: Kind,
    name: &str,
) -> Result<Vec<Pointer>, ApiError> {
    let call = Call::Pointers {
        kind,
        name: name.to_owned(),
    };
    match in_shard(runtime, Shard::of(name), None, &call).await? {
        Answer::Pointers(pointers) => Ok(pointers),
        _ => Err(another_kind()),
    }
}

async fn same_account(
    runtime: &impl Runtime,
    mch_id: &str,
    sub_mch_id: Option<&str>,
    appid: &str,
) -> Result<Answer, ApiError> {
    let mut ids = Vec::new();
    let name = account_name(mch_id, sub_mch_id, appid);
    for pointer in pointers(runtime, Kind::Account, &name).await? {
        let id = pointer.merchant_id;
        let call = Call::ById { id: id.clone() };
        if let Answer::Found(found) = in_shard(runtime, Shard::of(&id), None, &call).await?
            && found.merchant.account.mch_id == mch_id
            && found.merchant.account.sub_mch_id.as_deref() == sub_mch_id
            && found.merchant.account.appid == appid
        {
            ids.push(id);
        }
    }
    ids.sort();
    ids.truncate(NAMED);
    Ok(Answer::Ids(ids))
}

/// The merchants' ids, shard by shard and within a shard in order, so that an
/// id is a cursor.
async fn list(runtime: &impl Runtime, after: String, limit: i64) -> Result<Answer, ApiError> {
    let first = (!after.is_empty()).then(|| Shard::of(&after));
    let mut ids = Vec::new();
    let mut after = after;
    for shard in Shard::all().skip_while(|shard| first.is_some_and(|first| *shard < first)) {
        let room = limit - i64::try_from(ids.len()).unwrap_or(limit);
        if room <= 0 {
            break;
        }
        let call = Call::List { after, limit: room };
        match in_shard(runtime, shard, None, &call).await? {
            Answer::Ids(more) => ids.extend(more),
            _ => return Err(another_kind()),
        }
        after = String::new();
    }
    Ok(Answer::Ids(ids))
}

async fn create(
    runtime: &impl Runtime,
    merchant: &Merchant,
    key: &str,
    call: &Call,
) -> Result<Answer, ApiError> {
    let id = merchant.id.as_str();
    // Checked first, so that a refused call leaves no pointers.
    let held = Call::ById { id: id.to_owned() };
    if let Answer::Found(_) = in_shard(runtime, Shard::of(id), None, &held).await? {
        return Ok(Answer::Exists);
    }
    let mut pointers = Pointer::of_files(merchant, None);
    pointers.push(Pointer::only(Kind::ApiKey, key, id));
    pointers.push(Pointer::only(
        Kind::QuickAuth,
        &merchant.quick_auth_token,
        id,
    ));
    pointers.extend(Pointer::of_account(
        id,
        &merchant.account,
        &merchant.dialect,
    ));
    claimed(runtime, id, pointers, call).await
}

async fn change(
    runtime: &impl Runtime,
    before: &Merchant,
    after: &Merchant,
    call: &Call,
) -> Result<Answer, ApiError> {
    // Read before the change, so that a claim which follows the change is not
    // removed with them.
    let mut left = Vec::new();
    for given_up in Pointer::of_files(before, Some(after)) {
        let held = pointers(runtime, Kind::DomainFile, &given_up.name).await?;
        left.extend(held.into_iter().filter(|held| held.is_like(&given_up)));
    }
    let mut claims = Pointer::of_files(after, Some(before));
    if after.account != before.account {
        let account = Pointer::of_account(&after.id, &after.account, &after.dialect);
        claims.extend(account);
    }
    let answer = claimed(runtime, &after.id, claims, call).await?;
    if matches!(answer, Answer::Done) {
        for pointer in left {
            // A pointer that stays has no effect, and the next claim replaces
            // it.
            let shard = pointer.shard();
            let _ = in_shard(runtime, shard, None, &Call::Unpoint(pointer)).await;
        }
    }
    Ok(answer)
}

/// Claims pointers, then asks the merchant's shard to write what they point to.
async fn claimed(
    runtime: &impl Runtime,
    id: &str,
    pointers: Vec<Pointer>,
    call: &Call,
) -> Result<Answer, ApiError> {
    let not_after_ms = runtime.now_ms() + CLAIM_MS;
    for pointer in pointers {
        if let Some(refused) = claim(runtime, pointer).await? {
            return Ok(refused);
        }
    }
    in_shard(runtime, Shard::of(id), Some(not_after_ms), call).await
}

/// Claims a pointer; returns the answer to give if another merchant has its
/// name.
async fn claim(runtime: &impl Runtime, pointer: Pointer) -> Result<Option<Answer>, ApiError> {
    let others = claim_once(runtime, &pointer).await?;
    match pointer.kind {
        Kind::Account | Kind::SubMerchant => Ok(None),
        Kind::MchId => {
            // Every merchant except the first to claim the name learns from the
            // answer that it shares it; the first is called. Both know it
            // before the second one exists.
            if let Some(first) = others.first() {
                for id in [&first.merchant_id, &pointer.merchant_id] {
                    let call = Call::Share { id: id.clone() };
                    done(in_shard(runtime, Shard::of(id), None, &call).await?)?;
                }
            }
            Ok(None)
        }
        Kind::ApiKey | Kind::Token | Kind::NamedKey | Kind::QuickAuth => match others.is_empty() {
            true => Ok(None),
            // Two random texts were equal.
            false => Err(ApiError::internal("the name is another merchant's")),
        },
        Kind::DomainFile => {
            if others.is_empty() {
                return Ok(None);
            }
            for other in others {
                if !is_left_behind(runtime, &other).await? {
                    return Ok(Some(Answer::FileTaken(pointer.name)));
                }
                let shard = other.shard();
                let call = Call::Unpoint(other);
                done(in_shard(runtime, shard, None, &call).await?)?;
            }
            match claim_once(runtime, &pointer).await?.is_empty() {
                true => Ok(None),
                false => Ok(Some(Answer::FileTaken(pointer.name))),
            }
        }
    }
}

async fn claim_once(runtime: &impl Runtime, pointer: &Pointer) -> Result<Vec<Pointer>, ApiError> {
    let call = Call::Claim(pointer.clone());
    match in_shard(runtime, pointer.shard(), None, &call).await? {
        Answer::Pointers(others) => Ok(others),
        _ => Err(another_kind()),
    }
}

/// Whether the merchant that once claimed a file does not have it.
async fn is_left_behind(runtime: &impl Runtime, pointer: &Pointer) -> Result<bool, ApiError> {
    if !pointer.is_settled(runtime.now_ms()) {
        return Ok(false);
    }
    let call = Call::ById {
        id: pointer.merchant_id.clone(),
    };
    match in_shard(runtime, Shard::of(&pointer.merchant_id), None, &call).await? {
        Answer::Found(found) => {
            let held = found.merchant.domain_files.0.get(&pointer.name);
            Ok(held != Some(&pointer.detail))
        }
        Answer::NotFound => Ok(true),
        _ => Err(another_kind()),
    }
}

/// Calls one shard, which first reads the earlier version's rows.
async fn in_shard(
    runtime: &impl Runtime,
    shard: Shard,
    not_after_ms: Option<i64>,
    call: &Call,
) -> Result<Answer, ApiError> {
    let object = Object::Shard(shard);
    loop {
        match send(runtime, object, of_shard(not_after_ms, call.clone())).await? {
            Answer::NotImported(cursor) => {
                let export = Call::Export {
                    shard,
                    cursor: cursor.clone(),
                };
                let Answer::Exported(page) = send(runtime, Object::Registry, export).await? else {
                    return ask_earlier(runtime, call).await;
                };
                let import = Call::Import { cursor, page };
                done(send(runtime, object, of_shard(None, import)).await?)?;
            }
            Answer::AtRoot(id) => {
                let retire = Call::Retire { id: id.clone() };
                done(send(runtime, Object::Registry, retire).await?)?;
                let retired = Call::Retired { id };
                done(send(runtime, object, of_shard(None, retired)).await?)?;
            }
            answer => return Ok(answer),
        }
    }
}

/// Reads from the registry of an earlier version, where that object still runs
/// the earlier version. A shard that has not read it cannot have newer rows of
/// a merchant.
async fn ask_earlier(runtime: &impl Runtime, call: &Call) -> Result<Answer, ApiError> {
    let root = Object::Registry;
    let named = match call {
        Call::ById { .. }
        | Call::ByApiKey { .. }
        | Call::ByToken { .. }
        | Call::ByQuickAuth { .. }
        | Call::BySubMerchant { .. }
        | Call::DomainFile { .. }
        | Call::Tokens { .. }
        | Call::Audit(_) => return send(runtime, root, call.clone()).await,
        Call::Pointers { kind, name } => (*kind, name.as_str()),
        _ => return Err(ApiError::internal("the registry is moving: try again")),
    };
    let call = match named {
        (Kind::ApiKey, name) => Call::ByApiKey {
            fingerprint: name.to_owned(),
        },
        (Kind::Token, name) => Call::ByToken {
            fingerprint: name.to_owned(),
        },
        (Kind::QuickAuth, name) => Call::ByQuickAuth {
            token: name.to_owned(),
        },
        _ => return Err(ApiError::internal("the registry is moving: try again")),
    };
    match send(runtime, root, call).await? {
        Answer::Found(found) => {
            let (kind, name) = named;
            let pointer = Pointer::only(kind, name, &found.merchant.id);
            Ok(Answer::Pointers(vec![pointer]))
        }
        Answer::NotFound => Ok(Answer::Pointers(Vec::new())),
        _ => Err(another_kind()),
    }
}

fn of_shard(not_after_ms: Option<i64>, call: Call) -> Call {
    Call::Shard {
        not_after_ms,
        call: Box::new(call),
    }
}

async fn send(runtime: &impl Runtime, object: Object<'_>, call: Call) -> Result<Answer, ApiError> {
    let envelope = Envelope {
        request_context: RequestContext::current(),
        call,
    };
    let body = serde_json::to_vec(&envelope).map_err(ApiError::internal)?;
    let answer = runtime.call(object, body).await?;
    serde_json::from_slice(&answer)
        .map_err(|error| ApiError::unreadable("answer of the registry", &error))
}

fn done(answer: Answer) -> Result<(), ApiError> {
    match answer {
        Answer::Done => Ok(()),
        _ => Err(another_kind()),
    }
}

fn another_kind() -> ApiError {
    ApiError::internal("the registry gave another kind of answer")
}
