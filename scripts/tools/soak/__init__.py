"""Soak: a real Home Assistant with virtual printers, through faults made on purpose."""
