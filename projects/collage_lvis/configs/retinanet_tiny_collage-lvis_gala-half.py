_base_ = 'retinanet_tiny_collage-lvis.py'

# Half the margins of GALA in sigmoid form.
loss = dict(
    type='mmgala.GALASigmoidLoss', num_classes=30, lambda_pos=0.5, lambda_neg=0.5
)
model = dict(bbox_head=dict(loss_cls=loss))
