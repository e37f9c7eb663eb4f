//! `cargo xtask …`; see the library for what each command does.

#![allow(clippy::print_stdout, reason = "it is a program for the terminal")]

use std::process::ExitCode;

use testkit::{Failure, Result};
use xtask::{
    bench, build, crash, dev, fuzz, image, native, part::Part, sandbox, setup, simulate, test,
    tools,
};

const USAGE: &str = "\
cargo xtask dev [--port N] [--fresh] [--json]      run everything, with a demo shop, on ports N to N+4 (8787 to 8791)
cargo xtask sandbox [--port N] [--fresh] [--json]  run only WeChat's side (8788)
cargo xtask build [page] [edge] [sandbox]          build the page and the Workers, and say how big they are
cargo xtask native [--static]                      build the page and the program weceive, which has it inside;
                                                   --static for musl: a program that needs no library
cargo xtask test [NAME]                            run every check and test, or only the tests named so
cargo xtask simulate [--seed N] [--seeds M]         run the whole system under simulation; one seed alone is shown
cargo xtask simulate --mutants [NAME]              make known mistakes on purpose, and see each caught
cargo xtask explore                                visit every state of an order within larger bounds than the tests do
cargo xtask crash [--seconds N] [--seed N]         kill the real gateway again and again under load, and compare the books
cargo xtask fuzz [--seconds N] [--seed N]          give every parser malformed bytes
cargo xtask bench [--page|--load] [--quick]        measure speed and size, as ratios; --quick sees whether that works,
                                                   --page visits only the page in a browser, --load leaves it out
cargo xtask bench --profile [--quick]              show which functions take the Worker's time when it makes orders
cargo xtask setup                                  install what is missing, and do nothing else
cargo xtask wrangler …                             run the pinned wrangler: `deploy`, `secret put`, `tail`

--fresh forgets what earlier runs stored; --json prints one line with every address and credential.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match command(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\n✗ {failure}");
            ExitCode::FAILURE
        }
    }
}

fn command(arguments: &[String]) -> Result<()> {
    let (name, rest) = arguments
        .split_first()
        .map_or(("help", &[][..]), |(name, rest)| (name.as_str(), rest));
    match name {
        "dev" => {
            let mut options = dev::Options::default();
            flags(
                rest,
                &mut options.port,
                &mut options.json,
                &mut options.fresh,
            )?;
            dev::run(options)
        }
        "sandbox" => {
            let mut options = sandbox::Options::default();
            flags(
                rest,
                &mut options.port,
                &mut options.json,
                &mut options.fresh,
            )?;
            sandbox::run(options)
        }
        "build" => {
            let parts = rest
                .iter()
                .map(|name| Part::named(name).ok_or_else(|| unknown(arguments)));
            let parts = parts.collect::<Result<Vec<_>>>()?;
            build::run(if parts.is_empty() { &Part::ALL } else { &parts })
        }
        "native" if rest.is_empty() => native::run(false),
        "native" if rest == ["--static"] => {
            native::run(true)?;
            image::lay_out(&native::program(true)?)
        }
        "test" => match rest {
            [] => test::run(None),
            [name] if !name.starts_with('-') => test::run(Some(name)),
            _ => Err(unknown(rest)),
        },
        "simulate" if rest.first().is_some_and(|first| first == "--mutants") => match rest {
            [_] => simulate::mutants(""),
            [_, name] => simulate::mutants(name),
            _ => Err(unknown(rest)),
        },
        "simulate" => {
            let [seed, seeds] = numbers(rest, ["--seed", "--seeds"])?;
            simulate::run(simulate::Options { seed, seeds })
        }
        "explore" if rest.is_empty() => simulate::explore(),
        "crash" => {
            let [seed, seconds] = numbers(rest, ["--seed", "--seconds"])?;
            crash::run(crash::Options { seed, seconds })
        }
        "fuzz" => {
            let [seed, seconds] = numbers(rest, ["--seed", "--seconds"])?;
            fuzz::run(fuzz::Options { seed, seconds })
        }
        "bench" => match rest
            .iter()
            .find(|flag| !["--quick", "--page", "--load", "--profile"].contains(&flag.as_str()))
        {
            Some(flag) => Err(unknown(std::slice::from_ref(flag))),
            None => bench::run(rest),
        },
        "setup" if rest.is_empty() => setup::all(),
        "wrangler" => {
            setup::all()?;
            tools::wrangler(rest)
        }
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(unknown(arguments)),
    }
}

/// Reads `--port N`, `--json` and `--fresh`.
fn flags(arguments: &[String], port: &mut u16, json: &mut bool, fresh: &mut bool) -> Result<()> {
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => *json = true,
            "--fresh" => *fresh = true,
            "--port" => {
                let given = arguments.next().map(String::as_str).unwrap_or_default();
                *port = given.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
                    Failure::new(
                        "read --port",
                        format!("{given:?} is not a port"),
                        "give a number from 1 to 65534",
                    )
                })?;
            }
            _ => return Err(unknown(std::slice::from_ref(argument))),
        }
    }
    Ok(())
}

/// Reads options with numbers, such as `--seed N`.
fn numbers<const N: usize>(arguments: &[String], names: [&str; N]) -> Result<[Option<u64>; N]> {
    let mut numbers = [None; N];
    for pair in arguments.chunks(2) {
        let at = names
            .iter()
            .position(|name| pair.first().is_some_and(|word| word == name));
        let slot = at.and_then(|at| numbers.get_mut(at));
        match (slot, pair.get(1).and_then(|number| number.parse().ok())) {
            (Some(slot), Some(number)) => *slot = Some(number),
            _ => return Err(unknown(pair)),
        }
    }
    Ok(numbers)
}

fn unknown(arguments: &[String]) -> Failure {
    Failure::new(
        format!("understand `{}`", arguments.join(" ")),
        "there is no such command or flag",
        format!("use one of these\n\n{USAGE}"),
    )
}
