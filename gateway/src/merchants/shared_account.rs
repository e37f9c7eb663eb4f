//! Merchants that share an account at WeChat.

use crate::http::error::ApiError;
use crate::merchants::merchant::Merchant;
use crate::merchants::registry::command::SameAccount;
use crate::merchants::shards::ask;
use crate::runtime::Runtime;

/// The other merchants of the gateway with the same account at WeChat.
pub async fn same_account(
    runtime: &impl Runtime,
    merchant: &Merchant,
) -> Result<Vec<String>, ApiError> {
    let account = &merchant.account;
    let command = SameAccount {
        mch_id: account.mch_id.clone(),
        sub_mch_id: account.sub_mch_id.clone(),
        appid: account.appid.clone(),
    };
    let mut ids = ask(runtime, command).await?;
    ids.retain(|id| *id != merchant.id);
    Ok(ids)
}

/// The warning about several merchants of one account. WeChat has one order
/// under a number, regardless of which of them made it.
pub(crate) fn account_warning(others: &[String]) -> Option<String> {
    (!others.is_empty()).then(|| {
        format!(
            "The same mch_id and appid are entered for {}: their numbers of orders and refunds \
             must differ, and WeChat's notices of one cannot be told from the other's.",
            others.join(", ")
        )
    })
}
