//! `cargo xtask sandbox`: runs the sandbox alone, for developers who test their
//! own WeChat Pay code.

use serde_json::{Value, json};

use testkit::{
    Result, demo,
    http::text,
    paths,
    workerd::{self, System},
};

use crate::{
    build,
    dev::{self, print_line},
    part::Part,
    setup, step,
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
    setup::all()?;
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
        print(&running, &merchants);
        println!(
            "  The log is {}. Ctrl-C stops it.",
            paths::shown(&system.directory.join("workerd.log"))
        );
    }
    dev::until_stopped(&mut running)
}

fn print(running: &workerd::Workerd, merchants: &[Value]) {
    println!(
        "\n  WeChat Pay v2      {0}/pay/unifiedorder, …/orderquery, …/closeorder
  APIv3              {0}/v3/global/transactions/native, … and {0}/v3/pay/…
  iOnline            {0}/gateway/
  Every credential   {0}/sandbox/merchants, private keys and certificates too",
        running.sandbox()
    );
    println!(
        "  The phone          {}",
        demo::phone(running.sandbox(), None)
    );
    for merchant in merchants {
        println!("\n  {}", text(merchant, "/name"));
        for (name, at) in [
            ("mch_id", "/mch_id"),
            ("appid", "/appid"),
            ("app_secret", "/app_secret"),
            ("key", "/key"),
            ("sign_type", "/sign_type"),
            ("apiv3_key", "/v3/apiv3_key"),
            ("serial_no", "/v3/serial_no"),
            ("iOnline's mch_id", "/ionline/mid"),
            ("iOnline's key", "/ionline/key"),
            ("fee_type", "/fee_type"),
        ] {
            let value = text(merchant, at);
            if !value.is_empty() {
                println!("    {name:<16} {value}");
            }
        }
        for (payer, openid) in merchant
            .get("openids")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            println!(
                "    {:<16} {}",
                format!("openid of {payer}"),
                openid.as_str().unwrap_or_default()
            );
        }
        for sub in merchant
            .get("sub_merchants")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let [name, mch_id, appid] =
                ["/name", "/sub_mch_id", "/sub_appid"].map(|field| text(sub, field));
            println!("    {:<16} {mch_id} ({name}) {appid}", "sub_mch_id");
        }
    }
    println!();
}
