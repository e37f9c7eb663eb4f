//! A view that is already built, behind one type.
//!
//! leptos compiles every type of view for itself: how it is built, compared with
//! a later one, and rendered on a server. The console needs only the first, so
//! a view is built at once and stored behind one type. The rest was a quarter
//! of the module.

use leptos::attr::Attribute;
use leptos::attr::any_attribute::AnyAttribute;
use leptos::prelude::{AddAnyAttr, IntoView, Mountable, Render, RenderHtml};
use leptos::tachys::hydration::Cursor;
use leptos::tachys::renderer::types::{Element, Node};
use leptos::tachys::view::{Position, PositionState};
use send_wrapper::SendWrapper;

/// What is in the page, or will be.
pub(crate) struct Part(SendWrapper<Slot>);

/// The elements of a [`Part`].
pub(crate) struct Slot(Box<dyn Mountable>);

/// Builds any view.
pub(crate) trait Built {
    /// The view, in the page's elements.
    fn built(self) -> Part;
}

impl<V: Render<State: 'static>> Built for V {
    fn built(self) -> Part {
        Part(SendWrapper::new(Slot(Box::new(self.build()))))
    }
}

/// A part of a page that follows signals.
pub(crate) fn dy<V: IntoView + 'static>(part: impl Fn() -> V + Send + 'static) -> Part {
    let part: Box<dyn FnMut() -> Part + Send> = Box::new(move || part().built());
    part.built()
}

impl Render for Part {
    type State = Slot;

    fn build(self) -> Slot {
        self.0.take()
    }

    fn rebuild(self, state: &mut Slot) {
        let mut next = self.build();
        state.0.insert_before_this(&mut *next.0);
        state.0.unmount();
        *state = next;
    }
}

impl Mountable for Slot {
    fn unmount(&mut self) {
        self.0.unmount();
    }

    fn mount(&mut self, parent: &Element, marker: Option<&Node>) {
        self.0.mount(parent, marker);
    }

    fn insert_before_this(&self, child: &mut dyn Mountable) -> bool {
        self.0.insert_before_this(child)
    }

    fn elements(&self) -> Vec<Element> {
        self.0.elements()
    }
}

/// leptos asks for it where a view is inside another; nothing here is rendered
/// on a server.
impl RenderHtml for Part {
    type AsyncOutput = Self;
    type Owned = Self;

    const MIN_LENGTH: usize = 0;

    fn dry_resolve(&mut self) {}

    async fn resolve(self) -> Self {
        self
    }

    fn to_html_with_buf(
        self,
        _buffer: &mut String,
        _position: &mut Position,
        _escape: bool,
        _mark_branches: bool,
        _attributes: Vec<AnyAttribute>,
    ) {
    }

    fn hydrate<const FROM_SERVER: bool>(self, _cursor: &Cursor, _position: &PositionState) -> Slot {
        self.build()
    }

    fn into_owned(self) -> Self {
        self
    }
}

impl AddAnyAttr for Part {
    type Output<A: Attribute> = Self;

    fn add_any_attr<A: Attribute>(self, _attribute: A) -> Self {
        self
    }
}
