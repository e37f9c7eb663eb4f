//! Which of the two WeChat Pays a merchant belongs to.

use serde::{Deserialize, Serialize};

/// Which of the two WeChat Pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Region {
    /// Merchants outside mainland China: `apihk.mch.weixin.qq.com` and its
    /// siblings, paths below `/v3/global/`.
    Global,
    /// Merchants of mainland China: `api.mch.weixin.qq.com`.
    Mainland,
}

impl Region {
    /// The region that a request's path belongs to.
    pub fn of_path(path: &str) -> Self {
        if path.starts_with("/v3/global/") {
            Self::Global
        } else {
            Self::Mainland
        }
    }
}
