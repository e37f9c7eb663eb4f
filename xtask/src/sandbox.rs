//! `cargo xtask sandbox`: runs the sandbox alone, for developers who test their
//! own WeChat Pay code.

use serde_json::json;

use testkit::{
    Result, demo, paths,
    workerd::{self, System},
};

use crate::{
    build,
    dev::{self, print_line},
    part::Part,
    step,
};

/// The options of the command line.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The sandbox's port.
    pub port: u16,
    /// Print one line of JSON instead of a list.
    pub json: bool,
    /// Delete what earlier runs stored.
    pub fresh: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 8788,
            json: false,
            fresh: false,
        }
    }
}

/// Sets up, builds, starts, prints, and runs until Ctrl-C.
///
/// # Errors
///
/// Those of any step.
pub fn run(options: Options) -> Result<()> {
    workerd::must_be_free(options.port)?;
    build::run(&[Part::Sandbox])?;

    let system = System::sandbox(
        dev::directory(&format!("sandbox-{}", options.port)),
        options.port,
    );
    if options.fresh {
        demo::wipe(&system.directory)?;
    }
    let mut running = step::of("start the sandbox", || system.start())?;
    let merchants = demo::sandbox_merchants(running.sandbox())?;
    if options.json {
        print_line(&json!({
            "sandbox": running.sandbox(),
            "phone": demo::phone(running.sandbox(), None),
            "merchants": merchants,
        }));
    } else {
        println!(
            "{}
  The log is {}. Ctrl-C stops it.",
            demo::sandbox_list(running.sandbox(), &merchants),
            paths::shown(&system.directory.join("workerd.log"))
        );
    }
    dev::until_stopped(&mut running)
}
