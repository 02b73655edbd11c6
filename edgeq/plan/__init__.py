"""The memory plan: which bytes of the arena hold which tensor, when."""

from edgeq.plan.memory import Plan, plan_memory

__all__ = ["Plan", "plan_memory"]
