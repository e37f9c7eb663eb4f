//! The console's entry point; everything is in the library, where it is tested.

fn main() {
    console::start();
}
