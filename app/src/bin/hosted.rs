//! The entry point of the page on another host than the gateway's: a module of
//! its own, so that the gateway's page carries nothing of it.

fn main() {
    app::start_on_another_host();
}
