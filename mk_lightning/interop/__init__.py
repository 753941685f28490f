"""Agents for other programs: Stable-Baselines3, ONNX, TorchScript, safetensors, the Hugging Face Hub."""
