//! The options of every command that calls a deployment.

use clap::Args;

/// Options of every command that calls a deployment.
#[derive(Args, Clone, Debug)]
pub struct Target {
    /// The profile to use, of those that `weceive profile set` stored.
    #[arg(
        long,
        global = true,
        env = "WECEIVE_PROFILE",
        default_value = "default"
    )]
    pub(super) profile: String,
    /// Print the answer as JSON.
    #[arg(long, global = true)]
    pub(super) json: bool,
}

impl Target {
    /// Whether to print JSON.
    pub fn json(&self) -> bool {
        self.json
    }
}
