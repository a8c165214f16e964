//! The rack view.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::Asset;
use crate::ui::action::Action;
use crate::ui::context::Context;
use crate::ui::selection::Bounds;
use crate::ui::view::{Outcome, View, moved, subject_gpu};

/// State of the view.
#[derive(Debug, Default)]
pub struct RackView;

impl View for RackView {
    fn update(&mut self, _: &Context<'_>, _: Rect) {}
    fn act(&mut self, cx: &Context<'_>, action: Action) -> Outcome {
        moved(cx, action, Bounds::Rack)
    }
    fn render(&self, _: &Context<'_>, _: Rect, _: &mut Buffer) {}
    fn subject(&self, cx: &Context<'_>) -> Asset {
        subject_gpu(cx)
    }
    fn hints(&self) -> &'static [Action] {
        &[Action::Open]
    }
}
