//! The container image of `deploy/Dockerfile`: its files, and a trial of it.

use std::{
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use testkit::{
    Failure, Result,
    child_guard::ChildGuard,
    demo::wipe,
    http,
    paths::{self, on_path},
    workerd::free_ports,
};

use crate::{native, part::target_directory, step};

/// The step that needs a container engine.
const STEP: &str = "run the image";

/// The name of the image and the container of the trial.
const NAME: &str = "weceive-trial";

/// The user of the image.
const USER: &str = "65532";

/// Where systems keep the authorities' certificates in one file: Debian, Fedora, Alpine.
const AUTHORITIES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// How long the program may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Puts the image's files into `target/image`: the static program, the certificate authorities of this machine, and an
/// empty directory for the data.
///
/// # Errors
///
/// A file cannot be written, or this machine has no certificate authorities.
pub fn lay_out(program: &Path) -> Result<()> {
    let image = paths::root().join("target/image");
    wipe(&image)?;
    let failed = |said: &dyn std::fmt::Display, advice: &str| {
        Failure::new("lay out the image's files", said, advice)
    };
    let authorities = AUTHORITIES.iter().find(|file| Path::new(file).is_file());
    let authorities = authorities.ok_or_else(|| {
        failed(
            &"this machine has no certificate authorities",
            "install them (Debian: `apt-get install ca-certificates`)",
        )
    })?;
    let certificates = image.join("root/etc/ssl/certs");
    fs::create_dir_all(image.join("data"))
        .and_then(|()| fs::create_dir_all(&certificates))
        .and_then(|()| fs::copy(authorities, certificates.join("ca-certificates.crt")))
        .and_then(|_| fs::copy(program, image.join("root/weceive")))
        .map(drop)
        .map_err(|error| failed(&error, "see whether the disk is full"))
}

/// Builds the image and runs it: it must answer, as a user without rights. Left out, by name, where there is no container
/// engine or no C compiler for musl: only this step needs them.
///
/// # Errors
///
/// The program or the image cannot be built, or the program does not answer.
pub fn check() -> Result<()> {
    // A docker without its daemon cannot be used.
    let works = |engine: &&str| {
        let says = || with(engine).arg("info").output();
        on_path(engine).is_some() && says().is_ok_and(|said| said.status.success())
    };
    let Some(engine) = ["docker", "podman", "buildah"].into_iter().find(works) else {
        eprintln!("– {STEP}: left out, because no docker, podman or buildah works here");
        return Ok(());
    };
    if on_path("musl-gcc").is_none() {
        eprintln!("– {STEP}: left out, because there is no musl-gcc");
        return Ok(());
    }
    lay_out(&native::build_for_trial()?)?;
    let advice = "see the engine's message above, and deploy/Dockerfile";
    step::run(
        "build the image",
        with(engine)
            .args(["build", "--file", "deploy/Dockerfile", "--tag", NAME])
            .arg("."),
        advice,
    )?;
    let inspected = match engine {
        "buildah" => step::run(
            "inspect the image",
            with(engine).args(["inspect", "--type", "image"]).args([
                "--format",
                "{{.OCIv1.Config.User}}",
                NAME,
            ]),
            advice,
        ),
        _ => step::run(
            "inspect the image",
            with(engine).args(["image", "inspect", "--format", "{{.Config.User}}", NAME]),
            advice,
        ),
    }?;
    if inspected.trim() != format!("{USER}:{USER}") {
        return Err(Failure::new(
            "find that the image's user has no rights",
            inspected,
            "compare USER in deploy/Dockerfile",
        ));
    }
    step::of(STEP, || trial(engine))
}

/// Runs the image until the program has answered.
fn trial(engine: &str) -> Result<()> {
    let [port] = free_ports()?;
    let listen = format!("127.0.0.1:{port}");
    let arguments = ["serve", "--listen", &listen, "--directory", "/data"];
    let variables = [
        format!("PUBLIC_URL=http://{listen}"),
        format!("MASTER_KEY={}", "5a".repeat(32)),
        "ADMIN_TOKEN=admin-token-of-the-trial".to_owned(),
        "DEVELOPMENT=1".to_owned(),
    ];
    let variables = variables.iter().flat_map(|variable| ["--env", variable]);
    // Removes the rest of an earlier trial that was interrupted.
    let remove = || {
        let _ = with(engine).args(["rm", NAME]).output();
    };
    remove();
    let mut command = with(engine);
    match engine {
        // buildah only builds images, but can run a program in a container that is made of one.
        "buildah" => {
            step::run(
                "make a container",
                with(engine).args(["from", "--name", NAME, NAME]),
                "see buildah's message above",
            )?;
            command
                .args(["run", "--isolation", "chroot"])
                .args(variables);
            command.args([NAME, "--", "/weceive"]);
        }
        _ => {
            command.args(["run", "--rm", "--name", NAME, "--network", "host"]);
            command
                .args(["--read-only", "--cap-drop", "ALL"])
                .args(variables);
            command.arg(NAME);
        }
    }
    command.args(arguments);
    let log = target_directory()?.join("xtask/image.log");
    let mut running = ChildGuard::start(engine, &command, &log)?;
    let begun = Instant::now();
    let url = format!("http://{listen}/healthz");
    let answered = loop {
        if http::get(&url).is_ok_and(|answer| answer.status == 200) {
            break Ok(());
        }
        running.alive()?;
        if begun.elapsed() > PATIENCE {
            break Err(Failure::new(
                "get an answer from the image",
                running.log(),
                "see deploy/Dockerfile",
            ));
        }
        thread::sleep(Duration::from_millis(50));
    };
    drop(running);
    remove();
    answered
}

/// A command of the engine. Where it runs inside a container, it cannot stack file systems.
fn with(engine: &str) -> Command {
    let mut command = Command::new(engine);
    command
        .current_dir(paths::root())
        .env("STORAGE_DRIVER", "vfs");
    command
}
