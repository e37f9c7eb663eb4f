//! The commands that run on this machine: the deployment, the sandbox, and both together for
//! development.

mod data;
mod dev;
mod pages;
mod sandbox;
mod serve;
mod settings;

pub use data::{BackupOptions, RestoreOptions};
pub use dev::DevOptions;
pub use sandbox::SandboxOptions;
pub use serve::ServeOptions;
